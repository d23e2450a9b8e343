// The parts of a quantised block of 32 elements, pulled apart: unsigned codes, and the scales that
// turn them into numbers. What packs blocks for the matrix products works on these.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

#include "base/block_type.h"

namespace troupe {

inline constexpr int kCodesPerBlock = 32;

// q8_0: codes are q + 128. q4_0: q + 8. q4_1, q4_k: q. q6_k: q + 32.
struct BlockCodes {
  std::array<uint8_t, kCodesPerBlock> codes = {};
  uint16_t scale = 0;    // f16
  uint16_t minimum = 0;  // f16; q4_1 adds it, q4_k subtracts it
  // q4_k: of the scale and of the minimum, 0..63. q6_k: of codes 0..15 and 16..31, as int8.
  std::array<uint8_t, 2> sub_scale = {};
};

bool is_quantized(BlockType type);

// Block `index` of 32 elements of a row of whole blocks.
BlockCodes block_codes(BlockType type, const std::byte* row, int64_t index);

}  // namespace troupe
