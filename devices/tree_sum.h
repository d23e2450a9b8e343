// A sum over ranks in the one order (base/counter_tree.h): the additions are worked out once from
// who is present, and done block by block, so that what lies between stays in the first cache.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "devices/communicator.h"

namespace troupe {

class TreeSum {
 public:
  TreeSum() = default;
  explicit TreeSum(std::span<const Presence> ranks);

  bool is_empty() const { return total_ < 0; }  // nobody is present

  // out[i] = the sum of addends[rank][i] over who is present; other addends are not looked at.
  // `out` may be one of the addends. Nothing happens where nobody is present.
  template <class T>  // float or double
  void apply(std::span<const T* const> addends, T* out, int64_t count) const;

 private:
  // Of values by number: ranks' addends come first, then those that live between two additions.
  struct Addition {
    int left, right, sum;
  };

  int num_ranks_ = 0;
  int num_between_ = 0;
  int total_ = -1;
  std::vector<Addition> additions_;
};

}  // namespace troupe
