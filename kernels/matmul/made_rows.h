// Rows of a left operand that a thread made for itself: those of the block that it is at, kept
// while it goes from panel to panel.
#pragma once

#include <span>

#include "kernels/matmul/fused.h"
#include "kernels/matmul/tile_rows.h"

namespace troupe {

// For rows of so many words.
inline int64_t stride_of_made_rows(int64_t num_words) {
  return num_words % kSameSets == 0 ? num_words + kLanes : num_words;
}

class MadeRows {
 public:
  // The tiles' rows one after another, so many words apart; made unless they are what is here.
  Left of(std::span<const TileRows> tiles, int64_t row_stride, const MakeRow& make_row);

 private:
  std::span<const TileRows> tiles_;
  Left rows_;
};

}  // namespace troupe
