// An array that is cut into a share for each rank, as it goes by in chunks that hold a piece of
// every share.
#pragma once

#include <algorithm>
#include <cstdint>
#include <span>

namespace troupe {

struct Piece {
  int64_t begin = 0, count = 0;  // elements of the whole array
};

struct Shares {
  std::span<const int64_t> borders;  // one more than ranks, ascending, the first 0
  int64_t piece = 1;                 // elements at most

  int64_t begin(int rank) const { return borders[static_cast<size_t>(rank)]; }
  int64_t count(int rank) const { return begin(rank + 1) - begin(rank); }
  Piece of(int rank, int64_t chunk) const {
    const int64_t done = std::min(chunk * piece, count(rank));
    return {begin(rank) + done, std::min(piece, count(rank) - done)};
  }
  int64_t num_chunks() const {
    int64_t longest = 0;
    for (size_t i = 1; i < borders.size(); ++i)
      longest = std::max(longest, borders[i] - borders[i - 1]);
    return (longest + piece - 1) / piece;
  }
};

}  // namespace troupe
