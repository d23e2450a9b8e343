// Few combinations of settings in which every allowed pair of values of two settings occurs.
#pragma once

#include <algorithm>
#include <functional>
#include <set>
#include <tuple>
#include <vector>

namespace troupe {

using Combination = std::vector<int>;  // for each axis the index of one of its values

// Greedy and always the same: of all combinations that `may_be`, the one that has most pairs which
// none before it has, until none is left. `sizes`: how many values each axis has.
inline std::vector<Combination> pairwise_cover(
    const std::vector<int>& sizes, const std::function<bool(const Combination&)>& may_be) {
  std::vector<Combination> all = {{}};
  for (int size : sizes) {
    std::vector<Combination> longer;
    for (const auto& one : all)
      for (int value = 0; value < size; ++value) {
        longer.push_back(one);
        longer.back().push_back(value);
      }
    all = std::move(longer);
  }
  std::erase_if(all, [&](const Combination& one) { return !may_be(one); });
  using Pair = std::tuple<size_t, int, size_t, int>;
  std::set<Pair> left;
  const auto for_pairs = [&](const Combination& one, auto&& body) {
    for (size_t a = 0; a < one.size(); ++a)
      for (size_t b = a + 1; b < one.size(); ++b) body(Pair{a, one[a], b, one[b]});
  };
  for (const auto& one : all) for_pairs(one, [&](const Pair& pair) { left.insert(pair); });
  std::vector<Combination> cover;
  while (!left.empty()) {
    size_t most = 0;
    const Combination* best = nullptr;
    for (const auto& one : all) {
      size_t count = 0;
      for_pairs(one, [&](const Pair& pair) { count += left.contains(pair); });
      if (count > most) most = count, best = &one;
    }
    cover.push_back(*best);
    for_pairs(*best, [&](const Pair& pair) { left.erase(pair); });
  }
  return cover;
}

}  // namespace troupe
