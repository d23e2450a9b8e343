// A weight that stays in the blocks of its file, laid out for the products with int8 activations
// (quantized_layout.h). It serves look-ups of rows too.
//
// n: output features (rows of the weight as it is stored)   k: input features (its columns)
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

#include "base/block_type.h"
#include "devices/cpu/buffer.h"
#include "kernels/matmul/quantized_layout.h"

namespace troupe {

class ThreadPool;

// What such a weight takes.
int64_t quantized_bytes(BlockType type, int64_t n, int64_t k);

class QuantizedWeight {
 public:
  // `type`: q8_0, q4_0, q4_1, q4_k or q6_k. Both sizes at least 1; elements beyond the last whole
  // block of a row are zero.
  QuantizedWeight(BlockType type, int64_t n, int64_t k);

  // Takes the weight's rows as they lie in a file; k is a whole number of the type's blocks.
  void pack(std::span<const std::byte> blocks, ThreadPool& pool);
  // q8_0 alone: rounds w[n][k] to 127 steps of the largest of each 32 elements.
  void quantize(const float* w, ThreadPool& pool);

  BlockType type() const { return type_; }
  int64_t n() const { return n_; }
  int64_t k() const { return k_; }
  int64_t num_blocks() const { return num_blocks_; }  // of 32 elements, in a row
  int64_t num_panels() const { return (n_ + kQuantizedPanelWidth - 1) / kQuantizedPanelWidth; }
  size_t num_bytes() const { return bytes_.num_bytes(); }
  std::span<const std::byte> bytes() const { return {bytes_.as<std::byte>(), num_bytes()}; }
  const uint8_t* panel(int64_t index) const {
    return bytes_.as<uint8_t>() + index * layout_.panel_bytes(num_blocks_);
  }

  // The numbers of a row, as dequantize() gives them: k floats.
  void dequantize_row(int64_t row, float* out) const;

 private:
  BlockType type_;
  int64_t n_, k_, num_blocks_;
  QuantizedLayout layout_;
  Buffer bytes_;
};

}  // namespace troupe
