#include "actors/rlhf/mini_batches.h"

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include "base/error.h"

namespace troupe {
namespace {

std::vector<MicroBatch> batches(int count) {
  std::vector<MicroBatch> all(count);
  for (int i = 0; i < count; ++i) {
    all[i].index = i;
    all[i].group = i / 2;
    all[i].token_ids = {i};
  }
  return all;
}

RC_GTEST_PROP(MiniBatchesTest, EveryMicroBatchIsInOneMiniBatchAndGroupsAscend, ()) {
  const int size = *rc::gen::inRange(1, 40), count = *rc::gen::inRange(1, 10);
  std::vector<int> seen(size);
  const auto mini_batches = split_into_mini_batches(
      batches(size), count, {1, Purpose::kEpochOrder, *rc::gen::arbitrary<uint64_t>()});
  RC_ASSERT(mini_batches.size() == static_cast<size_t>(std::min(size, count)));
  for (const auto& mini_batch : mini_batches) {
    RC_ASSERT(!mini_batch.empty());
    for (size_t i = 0; i < mini_batch.size(); ++i) {
      RC_ASSERT(mini_batch[i].index == static_cast<int64_t>(i));
      RC_ASSERT((i == 0 || mini_batch[i].group >= mini_batch[i - 1].group));  // its own || is eager
      ++seen[mini_batch[i].token_ids[0]];
    }
  }
  RC_ASSERT(seen == std::vector<int>(size, 1));
}

TEST(MiniBatchesTest, TheAddressGivesTheOrder) {
  const auto first_of = [](uint64_t step) {
    return split_into_mini_batches(batches(20), 2, {1, Purpose::kEpochOrder, step})[0];
  };
  const auto ids = [](const std::vector<MicroBatch>& batches) {
    std::vector<int32_t> ids;
    for (const auto& batch : batches) ids.push_back(batch.token_ids[0]);
    return ids;
  };
  EXPECT_EQ(ids(first_of(1)), ids(first_of(1)));
  EXPECT_NE(ids(first_of(1)), ids(first_of(2)));
}

TEST(MiniBatchesTest, OneMiniBatchIsTheBatchAsItIs) {
  const auto all = split_into_mini_batches(batches(5), 1, {});
  ASSERT_EQ(all.size(), 1u);
  for (int i = 0; i < 5; ++i) EXPECT_EQ(all[0][i].token_ids[0], i);
  EXPECT_THROW(split_into_mini_batches({}, 1, {}), Error);
}

// Two micro-batches: sequences with two, one and no response tokens.
std::vector<MicroBatch> weighted() {
  auto all = batches(2);
  all[0].sequence_starts = {0, 3, 5};
  all[0].columns["weight"] = {0, 1, 1, 0, 1};
  all[1].sequence_starts = {0, 2};
  all[1].columns["weight"] = {0, 0};
  return all;
}

TEST(MiniBatchesTest, TheTokenMeanIsOverAllTokensOfTheMiniBatch) {
  auto all = weighted();
  EXPECT_EQ(weigh(all, LossAggregation::token_mean), 1.0f / 3);
  EXPECT_EQ(all[0].columns["weight"], (std::vector<float>{0, 1, 1, 0, 1}));
}

TEST(MiniBatchesTest, TheSequenceMeanWeighsTokensByTheirOwnSequence) {
  auto all = weighted();
  EXPECT_EQ(weigh(all, LossAggregation::seq_mean_token_mean), 1.0f / 2);
  EXPECT_EQ(all[0].columns["weight"], (std::vector<float>{0, 0.5f, 0.5f, 0, 1}));
  EXPECT_EQ(all[1].columns["weight"], (std::vector<float>{0, 0}));
}

}  // namespace
}  // namespace troupe
