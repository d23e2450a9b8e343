#include <vector>

#include "kernels/matmul/made_rows.h"

namespace troupe {
namespace {

// The thread's, for one call after another: a call's products all read the same rows.
uint32_t* row_buffer(int64_t num_words) {
  thread_local std::vector<uint32_t> buffer;
  if (static_cast<int64_t>(buffer.size()) < num_words) buffer.resize(num_words);
  return buffer.data();
}

}  // namespace

Left MadeRows::of(std::span<const TileRows> tiles, int64_t row_stride, const MakeRow& make_row) {
  if (tiles.data() == tiles_.data() && tiles.size() == tiles_.size()) return rows_;
  uint32_t* words = row_buffer(num_rows_of(tiles) * row_stride);
  tiles_ = tiles;
  rows_ = {words, row_stride};
  for (const TileRows& rows : tiles)
    for (int64_t row = rows.row; row < rows.row + rows.num_rows; ++row, words += row_stride)
      make_row(row, words);
  return rows_;
}

}  // namespace troupe
