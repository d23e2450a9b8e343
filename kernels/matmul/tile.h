// The innermost part of all matrix products: a tile of output elements that lives in registers
// while the summed dimension passes by. An element is one lane of one accumulator, fed word after
// word, so its bits depend on neither the tile's size nor its place.
#pragma once

#include <algorithm>
#include <cstdint>

#include "kernels/matmul/packed_weight.h"
#include "kernels/vec.h"

namespace troupe {

#if defined(__AVX512BF16__)
inline constexpr int kVectorRows = 14, kTileVecs = 2;  // 28 of the 32 registers accumulate
#elif defined(__AVX512F__)
inline constexpr int kVectorRows = 12, kTileVecs = 2;  // 24: a product of bf16 needs four more
#else
inline constexpr int kVectorRows = 6, kTileVecs = 1;  // 12 of the 16
#endif
inline constexpr int kTileColumns = kTileVecs * kLanes;

// The most rows of a tile whose words hold T.
#ifdef __AMX_BF16__
template <class T>
inline constexpr int kTileRows = sizeof(T) == sizeof(Bf16) ? 32 : kVectorRows;
#else
template <class T>
inline constexpr int kTileRows = kVectorRows;
#endif

// Whether a tile costs the same however few rows it has: its registers are of fixed size.
template <class T>
inline constexpr bool kHasFixedTiles = kTileRows<T> != kVectorRows;

// The first row of a tile of `num_rows` rows cut into tiles: even parts, or, where tiles are fixed,
// full ones and a rest.
template <class T>
int64_t tile_begin(int64_t tile, int64_t num_tiles, int64_t num_rows) {
  if (kHasFixedTiles<T>) return std::min(tile * kTileRows<T>, num_rows);
  return tile * num_rows / num_tiles;
}

// Rows side by side, word after word: a strip. Tiles that are not of fixed size read these, too.
inline constexpr int64_t kStripWidth = 16;

// The left operand, A[row][word]: rows of words, or a strip.
struct Left {
  const uint32_t* words = nullptr;
  int64_t row_stride = 0, word_stride = 1;

  Left at(int64_t row, int64_t word) const {
    return {words + row * row_stride + word * word_stride, row_stride, word_stride};
  }
};
// Rows a multiple of so many words apart fall on the same sets of the first-level cache.
inline constexpr int64_t kSameSets = 1024;

// Slices of the summed dimension are added as a binary counter counts: level l holds the sum of 2^l
// finished slices. What a tile computes is the newest slice.
struct FinishedSlices {
  const float* sums = nullptr;  // level 0, [row][kPanelWidth]
  int64_t level_stride = 0;
  unsigned levels = 0;  // which to add, the lowest first
};

// Where a tile's sums start, what is added at the end, and where they go.
struct TileSums {
  const float* start = nullptr;  // null: zero
  int64_t start_stride = 0;      // between rows, in elements
  FinishedSlices finished;
  void* result = nullptr;
  int64_t result_stride = 0;
  bool round_to_bf16 = false;  // result is Bf16, else float
  int num_columns = kTileColumns;
};

// A[num_rows][num_words] times panel[num_words][at most kTileColumns of kPanelWidth], num_rows in
// [1, kTileRows<T>].
struct Tile {
  Left left;
  int num_rows = 0;
  const uint32_t* panel = nullptr;
  int64_t num_words = 0;
  TileSums sums;
  bool panel_from_memory = false;
  // What is read after this, so that it comes from memory meanwhile: so many bytes for each word.
  // A line a word is more than the first-level cache has room for; what several tiles share goes
  // there.
  const char* ahead = nullptr;  // an address that may be anything
  int64_t ahead_step = 0;
};
inline constexpr int64_t kAheadLine = 64;

// Told early, the cache lines of a result are here when the sums are.
inline void prefetch_result(const TileSums& sums, int num_rows) {
  const int64_t size = sums.round_to_bf16 ? sizeof(Bf16) : sizeof(float);
  for (int row = 0; row < num_rows; ++row) {
    const char* line = static_cast<const char*>(sums.result) + row * sums.result_stride * size;
    __builtin_prefetch(line, 1);
    __builtin_prefetch(line + kTileColumns * size - 1, 1);
  }
}

template <class T>
void compute_tile(const Tile& tile);

// Without this the last tile's results may not be complete.
template <class T>
void finish_tiles();

// The same after all tiles; gives back registers that must not stay in use.
template <class T>
void release_tiles();

template <>
void compute_tile<float>(const Tile&);
template <>
void compute_tile<Bf16>(const Tile&);
template <>
void finish_tiles<float>();
template <>
void finish_tiles<Bf16>();
template <>
void release_tiles<float>();
template <>
void release_tiles<Bf16>();

}  // namespace troupe
