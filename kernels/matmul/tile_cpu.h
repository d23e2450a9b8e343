// One tile, for a fixed number of rows and vectors: included by the files that instantiate it.
#pragma once

#include <array>
#include <bit>
#include <utility>

#include "kernels/matmul/tile.h"
#include "kernels/matmul/words.h"

namespace troupe {

template <int kRows, int kVecs>
inline void load_start(const TileSums& sums, Vec (&sum)[kRows][kVecs]) {
  const Mask masks[] = {first_lanes(sums.num_columns), first_lanes(sums.num_columns - kLanes)};
#pragma GCC unroll 16
  for (int row = 0; row < kRows; ++row) {
#pragma GCC unroll 2
    for (int v = 0; v < kVecs; ++v)
      sum[row][v] = load(sums.start + row * sums.start_stride + v * kLanes, masks[v]);
  }
}

template <int kRows, int kVecs>
inline void add_finished(const FinishedSlices& finished, Vec (&sum)[kRows][kVecs]) {
  for (unsigned levels = finished.levels; levels != 0; levels &= levels - 1) {
    const float* level = finished.sums + std::countr_zero(levels) * finished.level_stride;
#pragma GCC unroll 16
    for (int row = 0; row < kRows; ++row) {
#pragma GCC unroll 2
      for (int v = 0; v < kVecs; ++v)
        sum[row][v] = add(load(level + row * kPanelWidth + v * kLanes), sum[row][v]);
    }
  }
}

template <class Out, int kRows, int kVecs>
inline void store_result(const TileSums& sums, const Vec (&sum)[kRows][kVecs]) {
  const Mask masks[] = {first_lanes(sums.num_columns), first_lanes(sums.num_columns - kLanes)};
#pragma GCC unroll 16
  for (int row = 0; row < kRows; ++row) {
    Out* out = static_cast<Out*>(sums.result) + row * sums.result_stride;
#pragma GCC unroll 2
    for (int v = 0; v < kVecs; ++v) store(out + v * kLanes, sum[row][v], masks[v]);
  }
}

template <class T, int kRows, int kVecs, bool kStrip>
void tile_kernel(const Tile& tile) {
  const int64_t row_stride = tile.left.row_stride;
  Vec sum[kRows][kVecs];
#pragma GCC unroll 16
  for (int row = 0; row < kRows; ++row) {
#pragma GCC unroll 2
    for (int v = 0; v < kVecs; ++v) sum[row][v] = zero();
  }
  if (tile.sums.start) load_start(tile.sums, sum);
  constexpr int kPointers = (kRows + 2) / 3;  // one for three rows: few enough for registers
  const uint32_t* rows[kPointers];
  for (int i = 0; i < kPointers; ++i) rows[i] = tile.left.words + 3 * i * row_stride;
  const float* column = reinterpret_cast<const float*>(tile.panel);
  const char* ahead = tile.ahead;
  const bool near = tile.ahead_step < kAheadLine;
#pragma GCC unroll 4
  for (int64_t word = 0; word < tile.num_words; ++word, column += kPanelWidth) {
    if (near)
      _mm_prefetch(ahead, _MM_HINT_T0);
    else
      _mm_prefetch(ahead, _MM_HINT_T1);
    ahead += tile.ahead_step;
    Vec b[kVecs];
#pragma GCC unroll 2
    for (int v = 0; v < kVecs; ++v) {
      b[v] = load(column + v * kLanes);
      constexpr int kAhead = 10 * kPanelWidth;  // enough, wherever the panel comes from
      _mm_prefetch(column + kAhead + v * kLanes, _MM_HINT_T0);
    }
#pragma GCC unroll 16
    for (int row = 0; row < kRows; ++row) {
      const Vec a = broadcast_word(kStrip ? rows[0] + word * kStripWidth + row
                                          : rows[row / 3] + row % 3 * row_stride + word);
#pragma GCC unroll 2
      for (int v = 0; v < kVecs; ++v) sum[row][v] = multiply_add<T>(a, b[v], sum[row][v]);
    }
  }
  add_finished(tile.sums.finished, sum);
  tile.sums.round_to_bf16 ? store_result<Bf16>(tile.sums, sum)
                          : store_result<float>(tile.sums, sum);
}

template <class T, int kVecs, bool kStrip>
constexpr auto kTileKernels = []<int... kRows>(std::integer_sequence<int, kRows...>) {
  return std::array{&tile_kernel<T, kRows + 1, kVecs, kStrip>...};
}
(std::make_integer_sequence<int, kVectorRows>{});

template <class T, bool kStrip>
void compute_tile_of(const Tile& tile) {
  const bool narrow = tile.sums.num_columns <= kLanes;
  (narrow ? kTileKernels<T, 1, kStrip>
          : kTileKernels<T, kTileVecs, kStrip>)[tile.num_rows - 1](tile);
}

template <class T>
void compute_tile_with_vectors(const Tile& tile) {
  tile.left.word_stride == 1 ? compute_tile_of<T, false>(tile) : compute_tile_of<T, true>(tile);
}

}  // namespace troupe
