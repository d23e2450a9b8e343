// A weight laid out in the order in which the matrix products read it.
//
// n: output features (rows of the weight as it is stored)   k: input features (its columns)
#pragma once

#include <cstdint>
#include <memory>
#include <mutex>
#include <span>

#include "base/dtype.h"
#include "devices/cpu/buffer.h"

namespace troupe {

class ThreadPool;

inline constexpr int kPanelWidth = 32;

// A right-hand operand B[words][columns] as panels of 32 columns, each panel [words][32], aligned
// to 64 bytes. A word is one float, or two Bf16 that are neighbours in the summed dimension. What
// lies beyond the last column or the last element is zero.
class Panels {
 public:
  Panels() = default;
  Panels(int64_t num_words, int64_t num_columns) { reshape(num_words, num_columns); }

  // What they held is lost; memory is kept where it is large enough. Not initialised.
  void reshape(int64_t num_words, int64_t num_columns,
               MemoryClass memory_class = MemoryClass::packed_weights);

  int64_t num_words() const { return num_words_; }
  int64_t num_columns() const { return num_columns_; }
  int64_t num_panels() const { return (num_columns_ + kPanelWidth - 1) / kPanelWidth; }
  const uint32_t* panel(int64_t index) const {
    return data_.as<const uint32_t>() + index * panel_size();
  }
  uint32_t* panel(int64_t index) { return data_.as<uint32_t>() + index * panel_size(); }
  int64_t panel_size() const { return num_words_ * kPanelWidth; }  // in words
  std::span<const std::byte> bytes() const {
    return std::as_bytes(std::span(panel(0), static_cast<size_t>(num_panels() * panel_size())));
  }
  explicit operator bool() const { return data_.data() != nullptr; }

 private:
  int64_t num_words_ = 0, num_columns_ = 0;
  Buffer data_;
};

// What one layout of a weight of n rows and k columns takes.
int64_t packed_bytes(int64_t n, int64_t k, DType dtype);

class PackedWeight {
 public:
  // `dtype` is what products compute with: f32 or bf16. Both sizes at least 1.
  PackedWeight(int64_t n, int64_t k, DType dtype);

  // Takes the values of row-major w[n][k], rounded to bf16 where that is the dtype. Nobody may read
  // the weight meanwhile.
  void pack(const float* w, ThreadPool& pool);
  void pack(const Bf16* w, ThreadPool& pool);
  // The same of rows [kRowsOfPart * part, + kRowsOfPart) alone, of a w whose parts change one by
  // one: on any thread, each part once, after begin_parts().
  static constexpr int64_t kRowsOfPart = 16;
  void begin_parts() { transposed_is_current_ = false; }
  void pack_part(const float* w, int64_t part);

  int64_t n() const { return n_; }
  int64_t k() const { return k_; }
  DType dtype() const { return dtype_; }

  // For y = x w^T: columns are w's rows, words run along k.
  const Panels& forward() const { return forward_; }
  // For dx = dy w: columns are w's columns, words run along n. Made when first asked for, by one
  // thread of those that ask; stale after the next pack().
  const Panels& transposed(ThreadPool& pool) const;

 private:
  template <class Source>
  void pack_part_of(const Source* w, int64_t part);
  template <class Source>
  void pack_all(const Source* w, ThreadPool& pool);

  int64_t n_, k_;
  DType dtype_;
  Panels forward_;
  mutable std::mutex transposed_mutex_;
  mutable Panels transposed_;  // empty until asked for
  mutable bool transposed_is_current_ = false;
};

}  // namespace troupe
