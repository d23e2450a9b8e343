// The small matrix product that attention is made of: c[i][:] (+)= sum over s of a[i][s] * b[s][:],
// with s ascending in every element of c, so that tiling changes no bit.
//
// Rows of c may leave out steps (keys that a row does not see), and then never touch those b[s].
// Columns come in whole vectors; the caller ignores the rest.
#pragma once

#include <algorithm>
#include <array>
#include <bit>
#include <cstdint>
#include <utility>
#include <vector>

#include "kernels/attention/bit_block.h"
#include "kernels/vec.h"

namespace troupe {

// Floats between the rows of a scratch matrix: 256, the widest head, and one cache line more, so
// that rows do not fall on the same cache sets.
inline constexpr int kStride = 272;

// The steps that rows sum over: [0, count), or the bits of masks[row / group].
struct Steps {
  int count = 0;
  const uint64_t* masks = nullptr;
  int group = 1;

  uint64_t of_row(int row) const { return masks ? masks[row / group] : first_bits(count); }
};

// What some rows in a row do at each step.
struct SharedSteps {
  uint64_t all = ~uint64_t{0}, any = 0;  // rows that sum over it

  SharedSteps(const Steps& steps, int row, int num_rows) {
    for (int i = 0; i < num_rows; ++i) {
      const uint64_t mask = steps.masks[(row + i) / steps.group];
      all &= mask, any |= mask;
    }
  }
  // The end of the steps from `step` on that all rows do.
  int end_of_all(int step) const { return step < 64 ? step + std::countr_one(all >> step) : step; }
};

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
void small_product_tile(const SmallProduct<B>& p, int row, int column, const Steps& steps) {
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
    const SharedSteps shared(steps, row, steps.masks ? kRows : 0);  // any is 0 without masks
    int end_of_all = steps.masks ? shared.end_of_all(0) : steps.count;
    for (int step = 0;;) {
      for (; step < end_of_all; ++step) {
        Vec columns[kVecs];
#pragma GCC unroll 4
        for (int v = 0; v < kVecs; ++v) columns[v] = load(b + step * p.b_stride + v * kLanes);
#pragma GCC unroll 12
        for (int i = 0; i < kRows; ++i) {
          const Vec x = set1(a[i * kRow + step * kStep]);
#pragma GCC unroll 4
          for (int v = 0; v < kVecs; ++v) sum[i][v] = fma(x, columns[v], sum[i][v]);
        }
      }
      if (step >= 64 || shared.any >> step == 0) break;
      step += std::countr_zero(shared.any >> step);
#pragma GCC unroll 12
      for (int i = 0; i < kRows; ++i) {
        if ((steps.masks[(row + i) / steps.group] >> step & 1) == 0) continue;
        const Vec x = set1(a[i * kRow + step * kStep]);
#pragma GCC unroll 4
        for (int v = 0; v < kVecs; ++v)
          sum[i][v] = fma(x, load(b + step * p.b_stride + v * kLanes), sum[i][v]);
      }
      ++step;
      end_of_all = shared.end_of_all(step);
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
void multiply_small(const SmallProduct<B>& p, int num_rows, int num_vecs, const Steps& steps) {
  constexpr auto kTiles =
      small_product_tiles<kSide, kStart, B>(std::make_integer_sequence<int, kMaxVecs * kMaxRows>{});
  for (int column = 0; column < num_vecs;) {
    const int passes = (num_vecs - column + kMaxVecs - 1) / kMaxVecs;
    const int vecs = (num_vecs - column + passes - 1) / passes;
    for (int row = 0; row < num_rows;) {
      const int most = rows_per_tile(vecs), left = num_rows - row;
      const int tiles_left = (left + most - 1) / most, rows = (left + tiles_left - 1) / tiles_left;
      kTiles[(vecs - 1) * kMaxRows + rows - 1](p, row, column * kLanes, steps);
      row += rows;
    }
    column += vecs;
  }
}

inline int num_vecs(int64_t count) {
  return static_cast<int>((count + kLanes - 1) / kLanes);
}

// scores[row][key] = a[row] . keys[:][key], up to the last key of [0, seen.count) that the row or
// one of its neighbours sees; keys is [head_dim][64].
template <class B>
void multiply_scores(const float* a, const B* keys, float* scores, int num_rows, int head_dim,
                     const Steps& seen) {
  const int band = seen.masks ? kMaxRows : num_rows;
  for (int row = 0; row < num_rows; row += band) {
    const int rows = std::min(band, num_rows - row);
    const int num_keys = seen.masks ? std::bit_width(SharedSteps(seen, row, rows).any) : seen.count;
    multiply_small<Side::kRows, Start::kZero, B>(
        {a + row * kStride, keys, 64, scores + row * kStride}, rows, num_vecs(num_keys),
        {head_dim});
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
