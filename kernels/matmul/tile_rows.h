// How the rows of a product are cut into tiles.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "base/repeated_rows.h"
#include "kernels/matmul/tile.h"

namespace troupe {

inline constexpr int64_t kRowBlock = 192;  // rows that pass over a panel together

// Rows that a tile computes.
struct TileRows {
  int64_t row;
  int num_rows;
  int64_t num_before;  // rows that tiles before it compute
  int64_t index;       // tiles before it
};

// Of neighbours, of which there is one at least.
inline int64_t num_rows_of(std::span<const TileRows> tiles) {
  return tiles.back().num_before + tiles.back().num_rows - tiles.front().num_before;
}

template <class T>
inline constexpr int64_t kMostTiles = kRowBlock / kTileRows<T>;  // of a block

// As few tiles as so many rows take; but where threads' blocks are whole, so many that all threads
// have as many rows.
template <class T>
int64_t count_tiles(int64_t num_rows, int num_threads) {
  const int64_t fewest = (num_rows + kTileRows<T> - 1) / kTileRows<T>;
  const int64_t blocks = (fewest + kMostTiles<T> - 1) / kMostTiles<T>;
  if (kHasFixedTiles<T> || blocks % num_threads != 0) return fewest;
  return (fewest + num_threads - 1) / num_threads * num_threads;
}

// The ranges' rows in tiles, of as many as fit or as even parts have.
template <class T>
std::vector<TileRows> cut_into_tiles(std::span<const RowRange> ranges, int num_threads) {
  std::vector<TileRows> tiles;
  int64_t num_before = 0;
  for (const RowRange& range : ranges) {
    const int64_t size = range.size(), count = count_tiles<T>(size, num_threads);
    for (int64_t i = 0; i < count; ++i) {
      const int64_t begin = tile_begin<T>(i, count, size), end = tile_begin<T>(i + 1, count, size);
      tiles.push_back({range.begin + begin, static_cast<int>(end - begin), num_before + begin,
                       std::ssize(tiles)});
    }
    num_before += size;
  }
  return tiles;
}

}  // namespace troupe
