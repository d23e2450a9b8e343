// How a quantised weight lies in memory: panels of 16 columns (w's rows), each one run of bytes
// that the products read from front to back: first the scales of all its blocks, then all codes.
//
// A block is 32 elements along k. Its codes are eight quads: 16 columns times four elements that
// follow each other. Eight-bit codes are quads 0..7, of 64 bytes each; of four-bit codes, vector j
// holds quad j in its low nibbles and quad j + 4 in the high ones; six-bit codes are such nibbles,
// then two vectors whose bit pairs are the high bits of quads 0..3 and 4..7.
//
// Scales (f16 unless said otherwise, one for each column): q8_0, q4_0: scale. q4_1: scale, minimum.
// q4_k: scale and minimum once for eight blocks, then for each block two u8. q6_k: scale once for
// eight blocks, then for each block two int8.
#pragma once

#include <cstdint>

#include "base/block_type.h"

namespace troupe {

inline constexpr int kQuantizedPanelWidth = 16;
inline constexpr int kQuadsPerBlock = 8;

struct QuantizedLayout {
  int code_bits = 8;
  int shared_halves = 0;  // f16 vectors once for eight blocks
  int halves = 0;         // f16 vectors of each block
  int sub_scales = 0;     // byte vectors of each block

  constexpr bool is_super() const { return shared_halves > 0; }
  constexpr int64_t code_bytes() const { return code_bits * 64; }
  constexpr int64_t scale_bytes() const { return kQuantizedPanelWidth * (2 * halves + sub_scales); }
  constexpr int64_t shared_bytes() const { return kQuantizedPanelWidth * 2 * shared_halves; }
  // Where a block's own scales begin, and what it shares with its neighbours.
  constexpr int64_t scales_at(int64_t block) const {
    return block * scale_bytes() + (is_super() ? (block / 8 + 1) * shared_bytes() : 0);
  }
  constexpr int64_t shared_at(int64_t block) const {
    return block / 8 * (8 * scale_bytes() + shared_bytes());
  }
  // Where the codes begin: at a whole cache line.
  constexpr int64_t codes_at(int64_t num_blocks) const {
    const int64_t groups = is_super() ? (num_blocks + 7) / 8 : 0;
    return (num_blocks * scale_bytes() + groups * shared_bytes() + 63) / 64 * 64;
  }
  constexpr int64_t panel_bytes(int64_t num_blocks) const {
    return codes_at(num_blocks) + num_blocks * code_bytes();
  }
};

constexpr QuantizedLayout quantized_layout(BlockType type) {
  if (type == BlockType::q8_0) return {.code_bits = 8, .halves = 1};
  if (type == BlockType::q4_0) return {.code_bits = 4, .halves = 1};
  if (type == BlockType::q4_1) return {.code_bits = 4, .halves = 2};
  if (type == BlockType::q4_k) return {.code_bits = 4, .shared_halves = 2, .sub_scales = 2};
  return {.code_bits = 6, .shared_halves = 1, .sub_scales = 2};
}

}  // namespace troupe
