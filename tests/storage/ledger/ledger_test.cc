#include "storage/ledger/ledger.h"

#include <gtest/gtest.h>

#include "tests/temporary_folder.h"

namespace troupe {
namespace {

Trajectory trajectory(int64_t prompt_id, int32_t sample_index) {
  Trajectory trajectory;
  trajectory.key = {prompt_id, sample_index};
  trajectory.step = 4;
  trajectory.weight_version = 3;
  trajectory.prompt_ids = {1, 2, 300000};
  trajectory.response_ids = {5, 6};
  trajectory.log_probs = {-0.1f, -17.000001f};
  trajectory.truncated = sample_index == 1;
  return trajectory;
}

class LedgerTest : public testing::Test {
 protected:
  TemporaryFolder folder;
  std::string path = folder / "ledger";
};

TEST_F(LedgerTest, WhatWasRecordedIsReadBackExactly) {
  {
    Ledger ledger(path);
    ledger.record(trajectory(7, 1));
  }
  const auto entries = read_ledger(path);
  ASSERT_EQ(entries.size(), 1u);
  const auto& found = entries.at({7, 1}).trajectory;
  const auto expected = trajectory(7, 1);
  EXPECT_EQ(found.key, expected.key);
  EXPECT_EQ(found.step, 4);
  EXPECT_EQ(found.weight_version, 3);
  EXPECT_EQ(found.prompt_ids, expected.prompt_ids);
  EXPECT_EQ(found.response_ids, expected.response_ids);
  EXPECT_EQ(found.log_probs, expected.log_probs);
  EXPECT_TRUE(found.truncated);
  EXPECT_FALSE(entries.at({7, 1}).score);
  EXPECT_TRUE(entries.at({7, 1}).steps_trained.empty());
}

TEST_F(LedgerTest, ScoresAndStepsFindTheirTrajectories) {
  Ledger ledger(path);
  for (int32_t sample : {0, 1}) ledger.record(trajectory(7, sample));
  const std::vector<TrajectoryKey> keys = {{7, 1}, {7, 0}};
  const std::vector<float> scores = {0.25f, -8};
  ledger.record_scores(4, keys, scores);
  ledger.commit_step(4, std::span(keys).first(1));
  const auto entries = read_ledger(path);  // while the ledger is open
  EXPECT_EQ(entries.at({7, 1}).score, 0.25f);
  EXPECT_EQ(entries.at({7, 0}).score, -8.0f);
  EXPECT_EQ(entries.at({7, 1}).steps_trained, (std::vector<int64_t>{4}));
  EXPECT_TRUE(entries.at({7, 0}).steps_trained.empty());
}

TEST_F(LedgerTest, ATrajectoryTrainedOnTwiceShows) {
  const std::vector<TrajectoryKey> keys = {{7, 0}};
  {
    Ledger ledger(path);
    ledger.record(trajectory(7, 0));
    ledger.commit_step(4, keys);
  }
  Ledger again(path);  // goes on behind what stands there
  again.commit_step(5, keys);
  EXPECT_EQ(read_ledger(path).at({7, 0}).steps_trained, (std::vector<int64_t>{4, 5}));
}

TEST_F(LedgerTest, AScoreForEachKeyIsDemanded) {
  Ledger ledger(path);
  const std::vector<TrajectoryKey> keys = {{7, 0}};
  EXPECT_THROW(ledger.record_scores(4, keys, {}), Error);
}

TEST_F(LedgerTest, AFolderWithoutALedgerIsAnError) {
  EXPECT_THROW(read_ledger(folder / "nothing"), Error);
}

TEST_F(LedgerTest, WhatCameAfterTheStepThatARunGoesOnFromIsForgotten) {
  Ledger ledger(path);
  auto earlier = trajectory(1, 0);
  earlier.step = 3;
  const std::vector<TrajectoryKey> kept = {{1, 0}}, forgotten = {{7, 0}};
  ledger.record(earlier);
  ledger.commit_step(3, kept);
  ledger.record(trajectory(7, 0));
  ledger.commit_step(4, forgotten);
  ledger.forget_steps_after(3);
  EXPECT_EQ(read_ledger(path).size(), 1u);
  ledger.record(trajectory(7, 0));
  ledger.commit_step(4, forgotten);
  const auto entries = read_ledger(path);
  EXPECT_EQ(entries.at({1, 0}).steps_trained, (std::vector<int64_t>{3}));
  EXPECT_EQ(entries.at({7, 0}).steps_trained, (std::vector<int64_t>{4}));
}

}  // namespace
}  // namespace troupe
