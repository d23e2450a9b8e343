// The small matrix product that attention is made of: c[i][:] (+)= sum over s of a[i][s] * b[s][:],
// with s ascending in every element of c, so that tiling changes no bit.
//
// Rows of c may have different depths (a causal row sees one key more than the row before), and no
// row touches a b[s] beyond its own. Columns come in whole vectors; the caller ignores the rest.
#pragma once

#include <algorithm>
#include <array>
#include <cstdint>
#include <utility>
#include <vector>

#include "kernels/vec.h"

namespace troupe {

// Floats between the rows of a scratch matrix: 256, the widest head, and one cache line more, so
// that rows do not fall on the same cache sets.
inline constexpr int kStride = 272;

// Row i sums over steps [0, min(most, first + i / group)).
struct Depth {
  int first = 0;
  int group = 1;
  int most = 0;

  int operator()(int row) const { return std::min(most, first + row / group); }
};
inline Depth same_depth(int depth) {
  return {depth, 1, depth};
}

enum class Side { kRows, kColumns };  // a[i * kStride + s], or transposed: a[s * kStride + i]
enum class Start { kZero, kStored };

template <class B>
struct SmallProduct {
  const float* a = nullptr;
  const B* b = nullptr;  // [steps][b_stride]
  int64_t b_stride = 0;
  float* c = nullptr;  // [rows][c_stride]
  int64_t c_stride = kStride;
};

// kRows x kVecs accumulators stay in registers: 24 of AVX-512's 32, 12 of AVX2's 16.
#ifdef __AVX512F__
inline constexpr int kMaxVecs = 4, kMaxRows = 12, kAccumulators = 24;
#else
inline constexpr int kMaxVecs = 1, kMaxRows = 6, kAccumulators = 6;
#endif

constexpr int rows_per_tile(int vecs) {
  return std::min(kMaxRows, kAccumulators / vecs);
}

template <Side kSide, Start kStart, class B, int kVecs, int kRows>
void small_product_tile(const SmallProduct<B>& p, int row, int column, const Depth& depth) {
  if constexpr (kRows <= rows_per_tile(kVecs)) {
    constexpr int64_t kRow = kSide == Side::kRows ? kStride : 1;
    constexpr int64_t kStep = kSide == Side::kRows ? 1 : kStride;
    Vec sum[kRows][kVecs];
    float* c = p.c + row * p.c_stride + column;
#pragma GCC unroll 12
    for (int i = 0; i < kRows; ++i)
#pragma GCC unroll 4
      for (int v = 0; v < kVecs; ++v)
        sum[i][v] = kStart == Start::kZero ? zero() : load(c + i * p.c_stride + v * kLanes);
    const float* a = p.a + row * kRow;
    const B* b = p.b + column;
    int depths[kRows];
    for (int i = 0; i < kRows; ++i) depths[i] = depth(row + i);
    const int shared = depths[0], deepest = depths[kRows - 1];
    for (int step = 0; step < shared; ++step, a += kStep, b += p.b_stride) {
      Vec columns[kVecs];
#pragma GCC unroll 4
      for (int v = 0; v < kVecs; ++v) columns[v] = load(b + v * kLanes);
#pragma GCC unroll 12
      for (int i = 0; i < kRows; ++i) {
        const Vec x = set1(a[i * kRow]);
#pragma GCC unroll 4
        for (int v = 0; v < kVecs; ++v) sum[i][v] = fma(x, columns[v], sum[i][v]);
      }
    }
    for (int step = shared; step < deepest; ++step, a += kStep, b += p.b_stride) {
#pragma GCC unroll 12
      for (int i = 0; i < kRows; ++i) {
        if (step >= depths[i]) continue;
        const Vec x = set1(a[i * kRow]);
#pragma GCC unroll 4
        for (int v = 0; v < kVecs; ++v) sum[i][v] = fma(x, load(b + v * kLanes), sum[i][v]);
      }
    }
#pragma GCC unroll 12
    for (int i = 0; i < kRows; ++i)
#pragma GCC unroll 4
      for (int v = 0; v < kVecs; ++v) store(c + i * p.c_stride + v * kLanes, sum[i][v]);
  }
}

template <Side kSide, Start kStart, class B, int... kIndex>
constexpr auto small_product_tiles(std::integer_sequence<int, kIndex...>) {
  return std::array{
      &small_product_tile<kSide, kStart, B, kIndex / kMaxRows + 1, kIndex % kMaxRows + 1>...};
}

// Rows [0, num_rows) and columns [0, 16 * num_vecs) of c.
template <Side kSide, Start kStart, class B>
void multiply_small(const SmallProduct<B>& p, int num_rows, int num_vecs, const Depth& depth) {
  constexpr auto kTiles =
      small_product_tiles<kSide, kStart, B>(std::make_integer_sequence<int, kMaxVecs * kMaxRows>{});
  for (int column = 0; column < num_vecs;) {
    const int passes = (num_vecs - column + kMaxVecs - 1) / kMaxVecs;
    const int vecs = (num_vecs - column + passes - 1) / passes;
    for (int row = 0; row < num_rows;) {
      const int most = rows_per_tile(vecs), left = num_rows - row;
      const int tiles_left = (left + most - 1) / most, rows = (left + tiles_left - 1) / tiles_left;
      kTiles[(vecs - 1) * kMaxRows + rows - 1](p, row, column * kLanes, depth);
      row += rows;
    }
    column += vecs;
  }
}

inline int num_vecs(int64_t count) {
  return static_cast<int>((count + kLanes - 1) / kLanes);
}

// scores[row][key] = a[row] . keys[:][key], for the keys that each row's depth lets it see; keys
// is [head_dim][64]. Later keys of the last vector have no meaning.
template <class B>
void multiply_scores(const float* a, const B* keys, float* scores, int num_rows, int head_dim,
                     const Depth& seen) {
  const bool same = seen(0) == seen(num_rows - 1);
  const int band = same ? num_rows : kMaxRows;
  for (int row = 0; row < num_rows; row += band) {
    const int rows = std::min(band, num_rows - row);
    multiply_small<Side::kRows, Start::kZero, B>(
        {a + row * kStride, keys, 64, scores + row * kStride}, rows, num_vecs(seen(row + rows - 1)),
        same_depth(head_dim));
  }
}

// Memory of one thread that grows and stays, aligned to cache lines.
class FloatScratch {
 public:
  float* floats(size_t count) {
    if (lines_.size() * kLanes < count) lines_.resize((count + kLanes - 1) / kLanes);
    return lines_.empty() ? nullptr : lines_[0].x;
  }

 private:
  struct alignas(64) Line {
    float x[kLanes] = {};
  };
  std::vector<Line> lines_;
};

}  // namespace troupe
