#include "rlhf/metrics.h"

#include <gtest/gtest.h>

#include <cmath>
#include <vector>

namespace troupe {
namespace {

TEST(MetricsTest, NamesMeanMaxMinAsVerlDoes) {
  Metrics metrics;
  const std::vector<double> scores = {1, 2, 6};
  add_mean_max_min(metrics, "critic/score", scores);
  add_mean_max_min(metrics, "critic/rewards", {});
  EXPECT_EQ(metrics,
            (Metrics{{"critic/score/max", 6}, {"critic/score/mean", 3}, {"critic/score/min", 1}}));
}

TEST(MetricsTest, CountsTruncatedResponses) {
  std::vector<Trajectory> trajectories(4);
  for (auto& trajectory : trajectories)
    trajectory.prompt_ids = {1, 2}, trajectory.response_ids = {3};
  trajectories[0].truncated = true;
  trajectories[0].response_ids = {3, 4, 5, 6, 7};
  Metrics metrics;
  add_lengths(metrics, trajectories);
  EXPECT_EQ(metrics.at("response_length/mean"), 2);
  EXPECT_EQ(metrics.at("response_length/max"), 5);
  EXPECT_EQ(metrics.at("response_length/clip_ratio"), 0.25);
  EXPECT_EQ(metrics.at("prompt_length/mean"), 2);
}

TEST(MetricsTest, ExplainsAllOrNothing) {
  const std::vector<double> returns = {1, 2, 3, 5}, constant = {2, 2, 2, 2};
  EXPECT_EQ(explained_variance(returns, returns), 1);
  EXPECT_NEAR(explained_variance(returns, constant), 0, 1e-4);
}

TEST(MetricsTest, RolloutDifferenceIsTheLargestOfAllCalls) {
  Metrics metrics;
  const std::vector<float> kept = {-1, -2}, same = kept, other = {-1, -2.5f},
                           broken = {-1, std::nanf("")};
  add_rollout_difference(metrics, kept, same);
  EXPECT_EQ(metrics.at("training/rollout_log_probs_diff_max"), 0);
  add_rollout_difference(metrics, kept, other);
  add_rollout_difference(metrics, kept, same);
  EXPECT_EQ(metrics.at("training/rollout_log_probs_diff_max"), 0.5);
  EXPECT_NEAR(metrics.at("training/rollout_probs_diff_max"), std::exp(-2) - std::exp(-2.5), 1e-12);
  EXPECT_EQ(metrics.at("training/rollout_probs_compared"), 6);
  EXPECT_ANY_THROW(add_rollout_difference(metrics, kept, broken));
}

}  // namespace
}  // namespace troupe
