// The products of attention on the chosen instruction set: AMX's tiles for Bf16 where there are
// any, else vectors.
#pragma once

#include "kernels/attention/small_product.h"

#ifdef __AMX_BF16__
#include "kernels/attention/small_product_amx.h"
#endif

namespace troupe {

// Rows [0, num_rows) and columns [0, 16 * num_vecs) of c.
template <Side kSide, Start kStart, class T>
void multiply(const SmallProduct& p, int num_rows, int num_vecs, const Steps& steps) {
#ifdef __AMX_BF16__
  if constexpr (kElementsPerWord<T> == 2) {
    if constexpr (kSide == Side::kRows)
      return multiply_with_amx<kStart>(p, num_rows, num_vecs, steps);
    alignas(64) float rows[kKeyBlock * kStride];
    transpose_floats(p.a, (steps.count + 1) / 2, num_rows, rows);
    SmallProduct transposed = p;
    transposed.a = rows;
    return multiply_with_amx<kStart>(transposed, num_rows, num_vecs, steps);
  }
#endif
  multiply_small<kSide, kStart, T>(p, num_rows, num_vecs, steps);
}

// When a thread has done its share: tiles that are in use slow down a switch of threads.
inline void release_product_tiles() {
#ifdef __AMX_BF16__
  AmxShape::release();
#endif
}

// scores[row][key] = a[row] . keys[:][key], up to the last key of [0, seen.count) that the row or
// one of its neighbours sees; a is [rows][kStride] and keys [words of head_dim][64].
template <class T>
void multiply_scores(const float* a, const float* keys, float* scores, int num_rows, int head_dim,
                     const Steps& seen) {
  const int band = seen.masks && kElementsPerWord<T> == 1 ? kMaxRows : num_rows;
  for (int row = 0; row < num_rows; row += band) {
    const int rows = std::min(band, num_rows - row);
    const int num_keys = seen.masks ? std::bit_width(SharedSteps(seen, row, rows).any) : seen.count;
    multiply<Side::kRows, Start::kZero, T>(
        {a + row * kStride, keys, kKeyBlock, scores + row * kStride}, rows, num_vecs(num_keys),
        {head_dim});
  }
}

}  // namespace troupe
