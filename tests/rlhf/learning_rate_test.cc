#include "rlhf/learning_rate.h"

#include <gtest/gtest.h>

namespace troupe {
namespace {

TEST(LearningRateTest, WarmsUpWithoutAStepAtZero) {
  const LearningRateSchedule schedule{.lr = 8, .warmup_steps = 4};
  EXPECT_EQ(learning_rate(schedule, 0), 2);
  EXPECT_EQ(learning_rate(schedule, 3), 8);
  EXPECT_EQ(learning_rate(schedule, 1000), 8);
}

TEST(LearningRateTest, DecaysLinearlyToItsFloorAndStaysThere) {
  const LearningRateSchedule schedule{1, LearningRateDecay::linear, 0, 10, 0.1};
  EXPECT_EQ(learning_rate(schedule, 0), 1);
  EXPECT_NEAR(learning_rate(schedule, 5), 0.55, 1e-12);
  EXPECT_NEAR(learning_rate(schedule, 10), 0.1, 1e-12);
  EXPECT_NEAR(learning_rate(schedule, 99), 0.1, 1e-12);
}

TEST(LearningRateTest, DecaysByACosineAfterTheWarmUp) {
  const LearningRateSchedule schedule{2, LearningRateDecay::cosine, 2, 10, 0};
  EXPECT_EQ(learning_rate(schedule, 2), 2);
  EXPECT_NEAR(learning_rate(schedule, 6), 1, 1e-12);
  EXPECT_NEAR(learning_rate(schedule, 10), 0, 1e-12);
}

TEST(LearningRateTest, RefusesNegativeStepsAndUnknownNames) {
  EXPECT_ANY_THROW(learning_rate({}, -1));
  EXPECT_EQ(learning_rate_decay_from_name("cosine"), LearningRateDecay::cosine);
  EXPECT_ANY_THROW(learning_rate_decay_from_name("cosin"));
}

}  // namespace
}  // namespace troupe
