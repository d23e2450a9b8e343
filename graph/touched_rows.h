// Which rows of a table's gradient a batch has touched. A pack names few of a vocabulary's rows;
// the others stay zero, and nobody needs to clear, copy or add them.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "base/error.h"

namespace troupe {

class TouchedRows {
 public:
  explicit TouchedRows(int64_t num_rows = 0) : is_touched_(static_cast<size_t>(num_rows)) {}

  void add(std::span<const int32_t> rows) {
    for (int32_t row : rows) {
      CHECK(row >= 0 && row < static_cast<int64_t>(is_touched_.size()), row, is_touched_.size());
      if (is_touched_[row]) continue;
      is_touched_[row] = true;
      rows_.push_back(row);
    }
  }
  void add_all() { all_ = true; }
  void clear() {
    for (int32_t row : rows_) is_touched_[row] = false;
    rows_.clear();
    all_ = false;
  }
  bool all() const { return all_; }
  // In the order in which they came, each once. Says nothing where all() holds.
  std::span<const int32_t> rows() const { return rows_; }

 private:
  std::vector<bool> is_touched_;
  std::vector<int32_t> rows_;
  bool all_ = false;
};

}  // namespace troupe
