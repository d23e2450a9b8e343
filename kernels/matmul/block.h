// What the work of a matrix product is cut into: blocks of rows and panels, and stretches of the
// summed words.
#pragma once

#include <algorithm>
#include <span>
#include <vector>

#include "kernels/loops.h"
#include "kernels/matmul/product.h"
#include "kernels/matmul/tile_rows.h"

namespace troupe {

inline constexpr int64_t kWordBlock = 640;  // words in one pass: 80 KiB of a panel
template <class T>
inline constexpr int64_t kPassWords = kHasFixedTiles<T> ? 320 : kWordBlock;
// Passes begin at its multiples: bf16 goes so many at a time.
inline constexpr int64_t kStretchStep = 16;
inline constexpr int64_t kPanelGroup = 9;  // panels that share a block of A

// Some tiles' rows and panels [first_panel, + num_panels): what is computed together.
struct Block {
  std::span<const TileRows> tiles;
  int64_t first_panel = 0, num_panels = 0;
  Left made_rows = {};  // the left operand's, by place_of(); without words: rows were not made

  int64_t num_rows() const { return num_rows_of(tiles); }
  // Of what is kept for the block alone.
  int64_t place_of(const TileRows& rows) const {
    return rows.num_before - tiles.front().num_before;
  }
  Left left_of(const TileRows& rows, const Contraction& contraction) const {
    if (made_rows.words) return made_rows.at(place_of(rows), 0);
    return contraction.strip_size > 0 ? contraction.strip(rows.index)
                                      : contraction.left.at(rows.row, 0);
  }
};

// A stretch of one contraction's words inside one slice.
struct Stretch {
  const Contraction* contraction;
  int64_t first_word, num_words;
  int slice;
  bool first = false, last = false;  // of its slice
};

// Between two stretches a sum is only stored and loaded, which changes no bit.
template <class T>
void cut_part(const Contraction& contraction, int slice, int num_slices,
              std::vector<Stretch>& stretches) {
  const int64_t num_words = contraction.panels->num_words() / num_slices;
  const int64_t count = (num_words + kPassWords<T> - 1) / kPassWords<T>;
  const auto border = [&](int64_t i) {
    return i == count ? num_words : i * num_words / count / kStretchStep * kStretchStep;
  };
  for (int64_t i = 0; i < count; ++i)
    stretches.push_back(
        {&contraction, slice * num_words + border(i), border(i + 1) - border(i), slice});
}

// In the order in which they are computed.
template <class T>
std::vector<Stretch> cut_into_stretches(const Product& product) {
  std::vector<Stretch> stretches;
  for (int slice = 0; slice < product.num_slices; ++slice) {
    const size_t first = stretches.size();
    for (const Contraction& contraction : product.contractions)
      cut_part<T>(contraction, slice, product.num_slices, stretches);
    stretches[first].first = stretches.back().last = true;
  }
  return stretches;
}

// body(element, column, lanes) for the block's elements of a result [rows][n], vector by vector.
template <class Body>
void for_elements(const Block& block, int64_t n, Body&& body) {
  const int64_t first = block.first_panel * kPanelWidth;
  const int64_t end = std::min(first + block.num_panels * kPanelWidth, n);
  for (const TileRows& rows : block.tiles)
    for (int64_t row = rows.row; row < rows.row + rows.num_rows; ++row)
      for_vectors(first, end,
                  [&](int64_t column, auto lanes) { body(row * n + column, column, lanes); });
}

// A product that others of the same rows and columns may be computed beside.
struct Part {
  const Product& product;
  std::vector<Stretch> stretches;
};

}  // namespace troupe
