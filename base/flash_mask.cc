#include "base/flash_mask.h"

#include "base/error.h"

namespace troupe {

int64_t FlashMask::num_keys() const {
  return empty() ? 0 : static_cast<int64_t>(startend_row_indices.size()) / num_columns;
}

void FlashMask::append(const FlashMask& rows) {
  CHECK(num_columns == rows.num_columns, num_columns, rows.num_columns);
  CHECK(is_causal == rows.is_causal, is_causal, rows.is_causal);
  const auto& from = rows.startend_row_indices;
  startend_row_indices.insert(startend_row_indices.end(), from.begin(), from.end());
}

HiddenRows hidden_rows(const FlashMask& mask, int64_t index, int32_t key) {
  HiddenRows hidden;
  if (mask.is_causal) hidden.upper_end = key;
  if (mask.empty()) return hidden;
  const int32_t* row = mask.startend_row_indices.data() + index * mask.num_columns;
  hidden.lower_start = row[0];
  if (mask.num_columns == 1) return hidden;
  (mask.is_causal || mask.num_columns == 4 ? hidden.lower_end : hidden.upper_end) = row[1];
  if (mask.num_columns == 4) hidden.upper_start = row[2], hidden.upper_end = row[3];
  return hidden;
}

FlashMask with_four_columns(const FlashMask& mask) {
  FlashMask four = {4, false, {}};
  for (int64_t key = 0; key < mask.num_keys(); ++key) {
    const auto rows = hidden_rows(mask, key, static_cast<int32_t>(key));
    four.startend_row_indices.insert(
        four.startend_row_indices.end(),
        {rows.lower_start, rows.lower_end, rows.upper_start, rows.upper_end});
  }
  return four;
}

void check_flash_mask(const FlashMask& mask, int64_t num_keys) {
  const int columns = mask.num_columns;
  CHECK(columns == 2 || (mask.is_causal ? columns == 0 || columns == 1 : columns == 4), columns,
        mask.is_causal);
  const auto size = static_cast<int64_t>(mask.startend_row_indices.size());
  CHECK(size == num_keys * columns, size, num_keys, columns);
}

}  // namespace troupe
