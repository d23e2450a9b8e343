#include "actors/train/schedule.h"

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <map>

namespace troupe {
namespace {

RC_GTEST_PROP(ScheduleTest, EveryMicroBatchGoesForwardOnceThenBackwardOnceInOrder, ()) {
  const auto num_stages = *rc::gen::inRange<int64_t>(1, 9);
  const auto stage = *rc::gen::inRange<int64_t>(0, num_stages);
  const auto count = *rc::gen::inRange<int64_t>(1, 30), extra = *rc::gen::inRange<int64_t>(0, 3);
  std::map<Work, int64_t> done;
  int64_t most_in_flight = 0;
  for (const auto& [work, micro_batch] :
       one_forward_one_backward(stage, num_stages, count, extra)) {
    RC_ASSERT(micro_batch == done[work]++);
    RC_ASSERT(done[Work::backward] <= done[Work::forward]);
    most_in_flight = std::max(most_in_flight, done[Work::forward] - done[Work::backward]);
  }
  RC_ASSERT(done[Work::forward] == count && done[Work::backward] == count);
  const int64_t num_later = num_stages - stage - 1;
  RC_ASSERT(most_in_flight <= num_later * (1 + extra) + 1);
}

TEST(ScheduleTest, TheLastStageGoesBackwardAtOnce) {
  EXPECT_EQ(one_forward_one_backward(1, 2, 2, 1),
            (std::vector<Instruction>{
                {Work::forward, 0}, {Work::backward, 0}, {Work::forward, 1}, {Work::backward, 1}}));
}

TEST(ScheduleTest, AnEarlierStageRunsAheadByTheStagesBehindIt) {
  EXPECT_EQ(one_forward_one_backward(0, 2, 3), (std::vector<Instruction>{{Work::forward, 0},
                                                                         {Work::forward, 1},
                                                                         {Work::backward, 0},
                                                                         {Work::forward, 2},
                                                                         {Work::backward, 1},
                                                                         {Work::backward, 2}}));
}

TEST(ScheduleTest, ScoringIsOneForwardAfterAnother) {
  EXPECT_EQ(forward_only(2), (std::vector<Instruction>{{Work::forward, 0}, {Work::forward, 1}}));
}

}  // namespace
}  // namespace troupe
