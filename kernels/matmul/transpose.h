// Transposes blocks of 16 x 16 words, the step that turns rows into panels and back.
#pragma once

#include <cstdint>
#include <cstring>
#include <utility>

namespace troupe {

struct alignas(64) WordBlock {
  static constexpr int kSize = 16;
  uint32_t words[kSize][kSize];
};

// GCC's own vectors: one register or several, whatever the machine has.
using BlockRow = uint32_t __attribute__((vector_size(64)));

// Swaps, in every pair of rows that lie `kDistance` apart, the two off-diagonal halves of each
// square of 2 * kDistance words. Doing so for 8, 4, 2 and 1 transposes the block.
template <int kDistance, int... kLanes>
void swap_off_diagonals(BlockRow (&rows)[WordBlock::kSize], std::integer_sequence<int, kLanes...>) {
#pragma GCC unroll 16
  for (int row = 0; row < WordBlock::kSize; ++row) {
    if (row & kDistance) continue;
    const BlockRow a = rows[row], b = rows[row + kDistance];
    rows[row] = __builtin_shufflevector(
        a, b, ((kLanes & kDistance) != 0 ? 16 + kLanes - kDistance : kLanes)...);
    rows[row + kDistance] = __builtin_shufflevector(
        a, b, ((kLanes & kDistance) != 0 ? 16 + kLanes : kLanes + kDistance)...);
  }
}

inline void transpose(WordBlock& block) {
  constexpr std::make_integer_sequence<int, WordBlock::kSize> kLanes;
  BlockRow rows[WordBlock::kSize];
  std::memcpy(rows, block.words, sizeof rows);
  swap_off_diagonals<8>(rows, kLanes);
  swap_off_diagonals<4>(rows, kLanes);
  swap_off_diagonals<2>(rows, kLanes);
  swap_off_diagonals<1>(rows, kLanes);
  std::memcpy(block.words, rows, sizeof rows);
}

}  // namespace troupe
