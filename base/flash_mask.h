// FlashMask (arXiv 2410.01359): which rows of a sequence see which of its keys, as one, two or four
// numbers per key. Column-sparse: each key is hidden from at most two ranges of rows.
#pragma once

#include <cstdint>
#include <limits>
#include <vector>

namespace troupe {

// The published vectors, one row per key, with row indices counted inside the sequence:
//   causal, 1: lower-triangle start            causal, 2: lower start, end
//   bidirectional, 2: lower start, upper end   bidirectional, 4: lower start, end, upper start, end
// A key is hidden from rows [lower start, lower end) and [upper start, upper end). A missing lower
// end is infinity and a missing upper start 0; a causal key is hidden from the rows before it.
struct FlashMask {
  int num_columns = 0;  // 0: no vectors, plain causal
  bool is_causal = true;
  std::vector<int32_t> startend_row_indices;  // [keys][num_columns]

  bool empty() const { return num_columns == 0; }
  int64_t num_keys() const;
  // Rows of another mask, which must have as many columns and the same direction.
  void append(const FlashMask& rows);
};

// The rows that one key is hidden from, whatever vectors said so.
struct HiddenRows {
  int32_t lower_start = std::numeric_limits<int32_t>::max();
  int32_t lower_end = std::numeric_limits<int32_t>::max();
  int32_t upper_start = 0, upper_end = 0;

  bool contains(int64_t row) const {
    return (row >= lower_start && row < lower_end) || (row >= upper_start && row < upper_end);
  }
};

// Of the mask's key at `index`, which is the `key`-th of its sequence.
HiddenRows hidden_rows(const FlashMask& mask, int64_t index, int32_t key);

// The same mask of one sequence with four columns, so that it can share a pack with any other.
FlashMask with_four_columns(const FlashMask& mask);

// Throws unless the columns are ones that were published, for `num_keys` keys.
void check_flash_mask(const FlashMask& mask, int64_t num_keys);

}  // namespace troupe
