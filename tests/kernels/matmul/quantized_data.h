// Random weights in a file's blocks, for tests of the products that read them.
#pragma once

#include <cstring>
#include <random>
#include <vector>

#include "kernels/matmul/quantized_weight.h"
#include "kernels/quantize/dequantize.h"

namespace troupe::testing_data {

inline constexpr BlockType kQuantizedTypes[] = {BlockType::q8_0, BlockType::q4_0, BlockType::q4_1,
                                                BlockType::q4_k, BlockType::q6_k};

// Random bytes, with f16 fields (where a block's scale and minimum lie) in [2^-7, 2^-6) or their
// negatives.
inline std::vector<std::byte> random_blocks(BlockType type, int64_t n, int64_t k, uint32_t seed) {
  const auto& format = format_of(type);
  std::vector<std::byte> bytes(static_cast<size_t>(block_bytes(type, {n, k})));
  std::mt19937 engine(seed);
  for (auto& byte : bytes) byte = static_cast<std::byte>(engine());
  const int num_halves = type == BlockType::q4_1 || type == BlockType::q4_k ? 2 : 1;
  const auto first = static_cast<size_t>(type == BlockType::q6_k ? 208 : 0);
  for (size_t at = first; at < bytes.size(); at += static_cast<size_t>(format.bytes))
    for (int i = 0; i < num_halves; ++i) {
      const auto half = static_cast<uint16_t>(0x2000 | (engine() & 0x83ff));
      std::memcpy(&bytes[at + 2 * static_cast<size_t>(i)], &half, sizeof half);
    }
  return bytes;
}

struct Quantized : QuantizedWeight {
  std::vector<float> values;  // [n][k], by dequantize()

  Quantized(BlockType type, int64_t n, int64_t k, uint32_t seed, ThreadPool& pool)
      : QuantizedWeight(type, n, k), values(static_cast<size_t>(n * k)) {
    const auto blocks = random_blocks(type, n, k, seed);
    pack(blocks, pool);
    dequantize(type, blocks, values);
  }
};

}  // namespace troupe::testing_data
