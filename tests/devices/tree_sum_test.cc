#include "devices/tree_sum.h"

#include "tests/devices/ranks.h"

namespace troupe {
namespace {

std::vector<float> sum_of(std::vector<std::vector<float>> addends,
                          const std::vector<Presence>& presences) {
  std::vector<const float*> data;
  for (const auto& values : addends) data.push_back(values.data());
  std::vector<float> out(addends[0].size());
  TreeSum(presences).apply<float>(data, out.data(), std::ssize(out));
  return out;
}

RC_GTEST_PROP(TreeSumTest, EachElementIsAddedInTheOneOrder, ()) {
  const auto calls = any_calls(*rc::gen::inRange(1, 17), 200);
  std::vector<std::vector<float>> addends;
  for (int rank = 0; rank < calls.size(); ++rank)
    addends.push_back(addend<float>(calls.seed, rank, calls.count()));
  if (std::ranges::count(calls.presences, Presence::present) > 0)
    RC_ASSERT(sum_of(addends, calls.presences) ==
              reference_sum<float>(calls.seed, calls.presences, calls.count(), 0));
}

// The order is what is tested: with these values every other one gives other bits.
TEST(TreeSumTest, TwoAdditionsThatAreSwappedAreSeen) {
  const std::vector<Presence> all(4, Presence::present);
  const std::vector<float> values = {1e8f, 1, -1e8f, 1};
  EXPECT_EQ(sum_of({{values[0]}, {values[1]}, {values[2]}, {values[3]}}, all)[0],
            (values[0] + values[1]) + (values[2] + values[3]));
  EXPECT_NE(sum_of({{values[0]}, {values[2]}, {values[1]}, {values[3]}}, all)[0],
            (values[0] + values[1]) + (values[2] + values[3]));
}

TEST(TreeSumTest, WhatNobodyGivesStays) {
  const std::vector<Presence> none(3, Presence::absent);
  EXPECT_TRUE(TreeSum(none).is_empty());
  EXPECT_EQ(sum_of({{1}, {2}, {3}}, none)[0], 0);
}

}  // namespace
}  // namespace troupe
