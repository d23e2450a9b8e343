// The one order of addition over parts (design.md section 6): a binary counter, as if each part
// were counted. Parts 0 and 1 are added when 1 comes, 2 and 3 when 3 comes, and then the two sums;
// what is left over at the end is folded smallest first, so that three parts are (0 + 1) + 2. An
// absent part is skipped, not added as zero, but the subtrees that it completes move up as well.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <utility>

#include "base/error.h"

namespace troupe {

template <class T>
class CounterTree {
 public:
  // sum(a, b): of an earlier part a and a later part b.
  template <class Sum>
  void add(T part, Sum&& sum) {
    count(std::move(part), sum);
  }
  template <class Sum>
  void skip(Sum&& sum) {
    count(std::nullopt, sum);
  }

  // Of all parts so far; throws if none was there.
  template <class Sum>
  T total(Sum&& sum) const {
    std::optional<T> all;
    for (const auto& tree : trees_)
      if (tree) all = all ? sum(*tree, *all) : *tree;
    CHECK(all.has_value(), count_);
    return *all;
  }
  bool is_empty() const {
    for (const auto& tree : trees_)
      if (tree) return false;
    return true;
  }

 private:
  template <class Sum>
  void count(std::optional<T> part, Sum&& sum) {
    size_t level = 0;
    for (; count_ >> level & 1; ++level) {
      if (!trees_[level]) continue;
      part = part ? sum(*trees_[level], *part) : std::move(*trees_[level]);
      trees_[level].reset();
    }
    if (part) trees_.at(level) = std::move(part);
    ++count_;
  }

  uint64_t count_ = 0;
  std::array<std::optional<T>, 33> trees_;  // trees_[k]: of 2^k parts
};

}  // namespace troupe
