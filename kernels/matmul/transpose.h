// Transposes blocks of 16 x 16 words, the step that turns rows into panels and back.
#pragma once

#include <cstdint>
#include <cstring>

namespace troupe {

struct alignas(64) WordBlock {
  static constexpr int kSize = 16;
  uint32_t words[kSize][kSize];
};

// GCC's own vectors: one register or several, whatever the machine has.
using BlockRow = uint32_t __attribute__((vector_size(64)));

// Swaps, in every pair of rows that lie `kDistance` apart, the two off-diagonal halves of each
// square of 2 * kDistance words. Doing so for 8, 4, 2 and 1 transposes the block.
template <int kDistance>
void swap_off_diagonals(BlockRow (&rows)[WordBlock::kSize]) {
  BlockRow upper{}, lower{};
  for (uint32_t lane = 0; lane < WordBlock::kSize; ++lane) {
    const bool right = (lane & kDistance) != 0;
    upper[lane] = right ? 16 + lane - kDistance : lane;
    lower[lane] = right ? 16 + lane : lane + kDistance;
  }
#pragma GCC unroll 16
  for (int row = 0; row < WordBlock::kSize; ++row) {
    if (row & kDistance) continue;
    const BlockRow a = rows[row], b = rows[row + kDistance];
    rows[row] = __builtin_shuffle(a, b, upper);
    rows[row + kDistance] = __builtin_shuffle(a, b, lower);
  }
}

inline void transpose(WordBlock& block) {
  BlockRow rows[WordBlock::kSize];
  std::memcpy(rows, block.words, sizeof rows);
  swap_off_diagonals<8>(rows);
  swap_off_diagonals<4>(rows);
  swap_off_diagonals<2>(rows);
  swap_off_diagonals<1>(rows);
  std::memcpy(block.words, rows, sizeof rows);
}

}  // namespace troupe
