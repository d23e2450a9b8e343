// Rows of a pack that come out as other rows of it do: where sequences begin with the same tokens
// (samples of one prompt, the two answers of a preference, a template's first words), whatever is
// computed of a row from what it sees has the same bits in all of them, and need be computed once.
#pragma once

#include <cstdint>
#include <vector>

#include "base/pack.h"

namespace troupe {

// Rows [begin, end).
struct RowRange {
  int64_t begin, end;

  int64_t size() const { return end - begin; }
};

// Rows [begin, begin + count) are as [source, source + count), which repeat none.
struct RowCopy {
  int64_t begin, source, count;
};

struct RepeatedRows {
  std::vector<RowRange> distinct;  // ascending
  std::vector<RowCopy> copies;     // all other rows, ascending

  bool empty() const { return copies.empty(); }
  int64_t num_rows() const;  // of the pack
};

// A beginning of fewer tokens is not worth what it costs to break a pack into pieces.
inline constexpr int64_t kFewestRepeatedRows = 16;

// Of sequences that see no more than their own past: in a pack with a mask nothing is taken to
// repeat.
RepeatedRows find_repeated_rows(const Pack& pack);

}  // namespace troupe
