// Rows of a tensor as the right-hand side of small products, in words (a float, or two Bf16 that
// are neighbours in the summed dimension).
#pragma once

#include <cstdint>
#include <cstring>

#include "base/dtype.h"
#include "kernels/attention/key_value_cache.h"

namespace troupe {

// Sums over columns: word w of row i goes to to[w][first + i] of [words][64]. `columns` is even.
template <class T>
void transpose_words(const T* rows, int64_t stride, int64_t count, int columns, T* to,
                     int64_t first) {
  constexpr int kElements = static_cast<int>(sizeof(uint32_t) / sizeof(T));
  auto* words = reinterpret_cast<char*>(to) + first * sizeof(uint32_t);
  for (int column = 0; column < columns; column += kElements, words += kKeyBlock * sizeof(uint32_t))
    for (int64_t i = 0; i < count; ++i)
      std::memcpy(words + i * sizeof(uint32_t), rows + i * stride + column, sizeof(uint32_t));
}

// Sums over rows: row i goes to to[first + i] of [rows][padded].
inline void interleave_rows(const float* rows, int64_t stride, int64_t count, int columns,
                            float* to, int64_t padded, int64_t first) {
  for (int64_t i = 0; i < count; ++i)
    std::memcpy(to + (first + i) * padded, rows + i * stride, columns * sizeof(float));
}

// Rows 2s and 2s + 1 go to to[s] of [row pairs][padded][2].
inline void interleave_rows(const Bf16* rows, int64_t stride, int64_t count, int columns, Bf16* to,
                            int64_t padded, int64_t first) {
  int64_t i = 0;
  const auto write_one = [&](int64_t row) {
    Bf16* half = to + (first + row) / 2 * padded * 2 + (first + row) % 2;
    for (int d = 0; d < columns; ++d) half[2 * d] = rows[row * stride + d];
  };
  if (first % 2 != 0 && count > 0) write_one(i++);
  for (; i + 1 < count; i += 2) {
    const Bf16 *even = rows + i * stride, *odd = even + stride;
    Bf16* pairs = to + (first + i) * padded;
    for (int d = 0; d < columns; ++d) pairs[2 * d] = even[d], pairs[2 * d + 1] = odd[d];
  }
  if (i < count) write_one(i);
}

}  // namespace troupe
