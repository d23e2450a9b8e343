// 64 x 64 bits: which rows of a query block see which keys of a key block.
#pragma once

#include <algorithm>
#include <cstdint>

namespace troupe {

// Bits [0, count); count may be negative or above 64.
inline uint64_t first_bits(int64_t count) {
  return count >= 64 ? ~uint64_t{0} : (uint64_t{1} << std::max<int64_t>(count, 0)) - 1;
}

// Bits [begin, end), none where they cross.
inline uint64_t bit_range(int64_t begin, int64_t end) {
  return first_bits(end) & ~first_bits(begin);
}

// Bits 0, 2, 4, ... side by side (Hacker's Delight, 7-4).
inline uint64_t even_bits(uint64_t x) {
  x &= 0x5555555555555555;
  x = (x | x >> 1) & 0x3333333333333333;
  x = (x | x >> 2) & 0x0f0f0f0f0f0f0f0f;
  x = (x | x >> 4) & 0x00ff00ff00ff00ff;
  x = (x | x >> 8) & 0x0000ffff0000ffff;
  return (x | x >> 16) & 0x00000000ffffffff;
}

// Bit j of word i becomes bit i of word j (Hacker's Delight, 7-3).
inline void transpose_bits(uint64_t (&words)[64]) {
  uint64_t mask = 0x00000000ffffffff;
  for (int width = 32; width != 0; width /= 2, mask ^= mask << width)
    for (int i = 0; i < 64; i = ((i | width) + 1) & ~width) {
      const uint64_t swapped = ((words[i] >> width) ^ words[i | width]) & mask;
      words[i] ^= swapped << width;
      words[i | width] ^= swapped;
    }
}

}  // namespace troupe
