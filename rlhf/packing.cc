#include "rlhf/packing.h"

#include <algorithm>
#include <numeric>
#include <set>
#include <utility>

#include "base/error.h"

namespace troupe {
namespace {

void check_lengths(std::span<const int64_t> lengths, int64_t max_tokens) {
  for (size_t sequence = 0; sequence < lengths.size(); ++sequence) {
    CHECK(lengths[sequence] > 0 && lengths[sequence] <= max_tokens, sequence, lengths[sequence],
          max_tokens);
  }
}

// Indices by size, the largest first, equal ones in order.
template <class Size>
std::vector<int32_t> decreasing(size_t count, Size size) {
  std::vector<int32_t> order(count);
  std::iota(order.begin(), order.end(), 0);
  std::stable_sort(order.begin(), order.end(),
                   [&](int32_t a, int32_t b) { return size(a) > size(b); });
  return order;
}

}  // namespace

PackPlan pack_best_fit(std::span<const int64_t> lengths, int64_t max_tokens) {
  check_lengths(lengths, max_tokens);
  PackPlan packs;
  std::set<std::pair<int64_t, int32_t>> open;  // room left, pack
  for (int32_t sequence : decreasing(lengths.size(), [&](int32_t i) { return lengths[i]; })) {
    auto fullest = open.lower_bound({lengths[sequence], 0});
    if (fullest == open.end()) {
      fullest = open.emplace(max_tokens, static_cast<int32_t>(packs.size())).first;
      packs.emplace_back();
    }
    const auto [room, pack] = *fullest;
    open.erase(fullest);
    open.emplace(room - lengths[sequence], pack);
    packs[pack].push_back(sequence);
  }
  for (auto& pack : packs) std::sort(pack.begin(), pack.end());
  std::sort(packs.begin(), packs.end());
  return packs;
}

PackPlan pack_in_order(std::span<const int64_t> lengths, int64_t max_tokens) {
  check_lengths(lengths, max_tokens);
  PackPlan packs;
  int64_t room = 0;
  for (size_t sequence = 0; sequence < lengths.size(); ++sequence) {
    if (lengths[sequence] > room) {
      packs.emplace_back();
      room = max_tokens;
    }
    packs.back().push_back(static_cast<int32_t>(sequence));
    room -= lengths[sequence];
  }
  return packs;
}

std::vector<std::vector<int32_t>> deal_packs(const PackPlan& packs,
                                             std::span<const int64_t> lengths,
                                             int32_t data_slices) {
  CHECK(data_slices > 0, data_slices);
  std::vector<int64_t> size(packs.size()), load(data_slices);
  for (size_t pack = 0; pack < packs.size(); ++pack) size[pack] = tokens_of(packs[pack], lengths);
  std::vector<std::vector<int32_t>> groups(data_slices);
  for (int32_t pack : decreasing(packs.size(), [&](int32_t i) { return size[i]; })) {
    const auto lightest = std::min_element(load.begin(), load.end()) - load.begin();
    groups[lightest].push_back(pack);
    load[lightest] += size[pack];
  }
  for (auto& group : groups) std::sort(group.begin(), group.end());
  return groups;
}

int64_t tokens_of(const std::vector<int32_t>& pack, std::span<const int64_t> lengths) {
  int64_t tokens = 0;
  for (int32_t sequence : pack) tokens += lengths[sequence];
  return tokens;
}

}  // namespace troupe
