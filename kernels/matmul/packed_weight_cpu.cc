#include <algorithm>
#include <cstring>
#include <type_traits>

#include "base/error.h"
#include "devices/cpu/thread_pool.h"
#include "kernels/matmul/packed_weight.h"
#include "kernels/matmul/transpose.h"
#include "kernels/matmul/words.h"

namespace troupe {
namespace {

constexpr int kBlock = WordBlock::kSize;

// kBlock words from `row`, of which `count` elements exist.
template <class T, class Source>
void read_words(const Source* row, int64_t count, uint32_t* words) {
  using Stored = std::conditional_t<kElementsPerWord<T> == 1, float, Bf16>;
  for (int part = 0; part < kElementsPerWord<T>; ++part) {
    const int64_t first = part * kLanes;
    auto* out = reinterpret_cast<Stored*>(words) + first;
    store(out, count > first ? load(row + first, first_lanes(count - first)) : zero());
  }
}

// Columns [column, column + 16) of a panel, from as many rows of w.
template <class T, class Source>
void pack_columns(const Source* w, int64_t num_rows, int64_t k, int64_t num_words, uint32_t* out) {
  for (int64_t word = 0; word < num_words; word += kBlock) {
    WordBlock block = {};
    const int64_t first = word * kElementsPerWord<T>;
    for (int64_t row = 0; row < num_rows; ++row)
      read_words<T>(w + row * k + first, k - first, block.words[row]);
    transpose(block);
    for (int64_t i = 0; i < std::min<int64_t>(kBlock, num_words - word); ++i)
      std::memcpy(out + (word + i) * kPanelWidth, block.words[i], sizeof block.words[i]);
  }
}

// Words of the transposed panel that hold 16 rows of w: one row each, or two.
template <class T>
void write_rows(const WordBlock& rows, int64_t first_row, int64_t column, Panels& transposed) {
  for (int i = 0; i < kBlock; i += kElementsPerWord<T>) {
    const int64_t word = (first_row + i) / kElementsPerWord<T>;
    if (word >= transposed.num_words()) return;
    uint32_t* out = transposed.panel(column / kPanelWidth) + word * kPanelWidth;
    if constexpr (kElementsPerWord<T> == 1) {
      std::memcpy(out + column % kPanelWidth, rows.words[i], sizeof rows.words[i]);
    } else {
      uint16_t low[2 * kBlock], high[2 * kBlock];
      std::memcpy(low, rows.words[i], sizeof low);
      std::memcpy(high, rows.words[i + 1], sizeof high);
      for (int j = 0; j < 2 * kBlock; ++j) out[j] = low[j] | static_cast<uint32_t>(high[j]) << 16;
    }
  }
}

// Sixteen rows of w, which are half a forward panel, go to their words of all transposed panels.
template <class T>
void transpose_rows(const Panels& forward, int64_t first_row, Panels& transposed) {
  const uint32_t* from = forward.panel(first_row / kPanelWidth) + first_row % kPanelWidth;
  const int64_t columns_per_block = kBlock * kElementsPerWord<T>;
  for (int64_t word = 0; word * kElementsPerWord<T> < transposed.num_panels() * kPanelWidth;
       word += kBlock) {
    WordBlock block = {};
    for (int64_t i = 0; i < std::min<int64_t>(kBlock, forward.num_words() - word); ++i)
      std::memcpy(block.words[i], from + (word + i) * kPanelWidth, sizeof block.words[i]);
    transpose(block);
    write_rows<T>(block, first_row, word / kBlock * columns_per_block, transposed);
  }
}

int64_t words_for(int64_t count, DType dtype) {
  return dtype == DType::f32 ? count : (count + 1) / 2;
}

}  // namespace

int64_t packed_bytes(int64_t n, int64_t k, DType dtype) {
  const int64_t num_panels = (n + kPanelWidth - 1) / kPanelWidth;
  return num_panels * kPanelWidth * words_for(k, dtype) * static_cast<int64_t>(sizeof(uint32_t));
}

void Panels::reshape(int64_t num_words, int64_t num_columns, MemoryClass memory_class) {
  num_words_ = num_words;
  num_columns_ = num_columns;
  const size_t bytes = static_cast<size_t>(num_panels() * panel_size()) * sizeof(uint32_t);
  data_.at_least(bytes, memory_class);
}

PackedWeight::PackedWeight(int64_t n, int64_t k, DType dtype) : n_(n), k_(k), dtype_(dtype) {
  CHECK(n >= 1 && k >= 1, n, k);
  CHECK(dtype == DType::f32 || dtype == DType::bf16, name_of(dtype), n, k);
  forward_ = Panels(words_for(k, dtype), n);
}

// A part is half a forward panel.
template <class Source>
void PackedWeight::pack_part_of(const Source* w, int64_t part) {
  static_assert(kRowsOfPart == kLanes && 2 * kLanes == kPanelWidth);
  const int64_t row = part * kLanes, num_rows = std::clamp<int64_t>(n_ - row, 0, kLanes);
  uint32_t* out = forward_.panel(part / 2) + part % 2 * kLanes;
  const auto pack = dtype_ == DType::f32 ? pack_columns<float, Source> : pack_columns<Bf16, Source>;
  pack(w + row * k_, num_rows, k_, forward_.num_words(), out);
}

template <class Source>
void PackedWeight::pack_all(const Source* w, ThreadPool& pool) {
  begin_parts();
  pool.parallel(forward_.num_panels() * 2, [&](int64_t begin, int64_t end, int) {
    for (int64_t part = begin; part < end; ++part) pack_part_of(w, part);
  });
}

void PackedWeight::pack(const float* w, ThreadPool& pool) {
  pack_all(w, pool);
}
void PackedWeight::pack(const Bf16* w, ThreadPool& pool) {
  pack_all(w, pool);
}
void PackedWeight::pack_part(const float* w, int64_t part) {
  CHECK(part >= 0 && part * kRowsOfPart < n_, part, n_);
  pack_part_of(w, part);
}

const Panels& PackedWeight::transposed(ThreadPool& pool) const {
  std::lock_guard lock(transposed_mutex_);
  if (transposed_is_current_) return transposed_;
  if (!transposed_) transposed_ = Panels(words_for(n_, dtype_), k_);
  pool.parallel(forward_.num_panels() * 2, [&](int64_t begin, int64_t end, int) {
    for (int64_t half = begin; half < end; ++half) {
      dtype_ == DType::f32 ? transpose_rows<float>(forward_, half * kLanes, transposed_)
                           : transpose_rows<Bf16>(forward_, half * kLanes, transposed_);
    }
  });
  transposed_is_current_ = true;
  return transposed_;
}

}  // namespace troupe
