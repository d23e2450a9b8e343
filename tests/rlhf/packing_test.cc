#include "rlhf/packing.h"

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <algorithm>

namespace troupe {
namespace {

RC_GTEST_PROP(PackingTest, EverySequenceIsPackedOnceAndNoPackOverflows, ()) {
  const auto lengths = *rc::gen::container<std::vector<int64_t>>(rc::gen::inRange<int64_t>(1, 65));
  for (const auto& packs : {pack_best_fit(lengths, 64), pack_in_order(lengths, 64)}) {
    std::vector<int32_t> seen;
    for (const auto& pack : packs) {
      RC_ASSERT(!pack.empty());
      RC_ASSERT(tokens_of(pack, lengths) <= 64);
      RC_ASSERT(std::is_sorted(pack.begin(), pack.end()));
      seen.insert(seen.end(), pack.begin(), pack.end());
    }
    std::sort(seen.begin(), seen.end());
    RC_ASSERT(seen.size() == lengths.size());
    for (size_t i = 0; i < seen.size(); ++i) RC_ASSERT(seen[i] == static_cast<int32_t>(i));
  }
}

RC_GTEST_PROP(PackingTest, EveryPackIsDealtOnceAndGroupsAreBalanced, ()) {
  const auto lengths = *rc::gen::container<std::vector<int64_t>>(rc::gen::inRange<int64_t>(1, 65));
  const auto slices = *rc::gen::inRange<int32_t>(1, 9);
  const auto packs = pack_best_fit(lengths, 64);
  std::vector<int32_t> seen;
  int64_t smallest = INT64_MAX, largest = 0;
  for (const auto& group : deal_packs(packs, lengths, slices)) {
    RC_ASSERT(std::is_sorted(group.begin(), group.end()));
    int64_t load = 0;
    for (int32_t pack : group) load += tokens_of(packs[pack], lengths);
    smallest = std::min(smallest, load), largest = std::max(largest, load);
    seen.insert(seen.end(), group.begin(), group.end());
  }
  std::sort(seen.begin(), seen.end());
  RC_ASSERT(seen.size() == packs.size());
  RC_ASSERT(std::adjacent_find(seen.begin(), seen.end()) == seen.end());
  RC_ASSERT(largest - smallest <= 64);
}

TEST(PackingTest, BestFitFillsTheFullestPackThatHasRoom) {
  const std::vector<int64_t> lengths = {3, 7, 6, 4, 10};
  EXPECT_EQ(pack_best_fit(lengths, 10), (PackPlan{{0, 1}, {2, 3}, {4}}));
}

TEST(PackingTest, LeavesUnderAPercentEmptyOnASkewedSet) {
  std::vector<int64_t> lengths;
  int64_t total = 0;
  for (int64_t i = 0; i < 2000; ++i)
    lengths.push_back(8 + (i * i * 7919) % 97 + (i % 11 == 0 ? 900 : 0));
  for (int64_t length : lengths) total += length;
  const auto packs = pack_best_fit(lengths, 2048);
  EXPECT_LT(1.0 - static_cast<double>(total) / (2048.0 * packs.size()), 0.01);
}

TEST(PackingTest, InOrderKeepsTheOrder) {
  const std::vector<int64_t> lengths = {6, 5, 4, 9, 1};
  EXPECT_EQ(pack_in_order(lengths, 10), (PackPlan{{0}, {1, 2}, {3, 4}}));
}

TEST(PackingTest, RefusesWhatCannotBePacked) {
  const std::vector<int64_t> too_long = {4, 11}, empty = {0};
  EXPECT_ANY_THROW(pack_best_fit(too_long, 10));
  EXPECT_ANY_THROW(pack_in_order(too_long, 10));
  EXPECT_ANY_THROW(pack_best_fit(empty, 10));
}

}  // namespace
}  // namespace troupe
