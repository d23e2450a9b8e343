#include "rlhf/experience.h"

#include <gtest/gtest.h>

#include <cmath>

#include "rlhf/whiten.h"

namespace troupe {
namespace {

using Floats = std::vector<float>;

// The response of a prompt, as reference and critic saw it.
ScoredTrajectory response(int64_t prompt_id, int32_t sample_index, Floats kept, Floats reference,
                          Floats values, double score) {
  ScoredTrajectory scored;
  scored.trajectory.key = {prompt_id, sample_index};
  scored.trajectory.prompt_ids = {1, 2};
  scored.trajectory.response_ids.assign(kept.size(), 3);
  scored.trajectory.log_probs = std::move(kept);
  scored.reference_log_probs = std::move(reference);
  scored.values = std::move(values);
  scored.score = score;
  return scored;
}

// With these the advantages are the token rewards, where values are zero.
ExperienceConfig bare_rewards() {
  ExperienceConfig config;
  config.gae.lam = 0;
  config.whiten_advantages = false;
  config.shaping.kl_coef = 0.5;
  return config;
}

TEST(ExperienceTest, TheKlIsSubtractedAtEveryTokenAndTheScoreStandsOnTheLast) {
  const std::vector<ScoredTrajectory> step = {
      response(0, 0, {-1, -2, -3}, {-2, -2, -1}, {0, 0, 0}, 4)};
  const auto columns = make_experience(bare_rewards(), step);
  EXPECT_EQ(columns.responses[0].advantages, (Floats{-0.5, 0, 4 + 1}));
}

TEST(ExperienceTest, ATruncatedResponseIsPenalisedAndWorthNothingAfterItsEnd) {
  std::vector<ScoredTrajectory> step = {response(0, 0, {-1, -1}, {-1, -1}, {5, 7}, 2)};
  step[0].trajectory.truncated = true;
  auto config = bare_rewards();
  config.shaping.missing_eos_penalty = 3;
  const auto columns = make_experience(config, step);
  EXPECT_EQ(columns.responses[0].advantages, (Floats{7 - 5, (2 - 3) - 7}));
}

TEST(ExperienceTest, ReturnsAreUnwhitenedAdvantagesPlusOldValues) {
  const std::vector<ScoredTrajectory> step = {
      response(0, 0, {-1, -1}, {-1, -1}, {0.5, 1}, 2),
      response(1, 0, {-1, -1, -1}, {-1, -1, -1}, {0, 3, -4}, -1)};
  ExperienceConfig config;
  config.gae.lam = 1;
  const auto whitened = make_experience(config, step);
  EXPECT_EQ(whitened.responses[0].returns, (Floats{2, 2}));
  EXPECT_EQ(whitened.responses[1].returns, (Floats{-1, -1, -1}));
  config.whiten_advantages = false;
  const auto plain = make_experience(config, step);
  EXPECT_EQ(plain.responses[0].returns, whitened.responses[0].returns);
  EXPECT_EQ(plain.responses[0].advantages, (Floats{1.5, 1}));
}

TEST(ExperienceTest, AdvantagesAreWhitenedOverAllTokensOfTheStep) {
  const std::vector<ScoredTrajectory> step = {
      response(0, 0, {-1, -1}, {-1, -1}, {0.5, 1}, 2),
      response(1, 0, {-1, -1, -1}, {-1, -1, -1}, {0, 3, -4}, -1)};
  ExperienceConfig config;
  Floats all = {1.5, 1, -1, -4, 3};
  whiten<float>(all, {});
  const auto columns = make_experience(config, step);
  EXPECT_EQ(columns.responses[0].advantages, Floats(all.begin(), all.begin() + 2));
  EXPECT_EQ(columns.responses[1].advantages, Floats(all.begin() + 2, all.end()));
}

TEST(ExperienceTest, WithoutKlInTheRewardTheKlIsStillMeasured) {
  const std::vector<ScoredTrajectory> step = {response(0, 0, {-1, -1}, {-2, -2}, {0, 0}, 4)};
  auto config = bare_rewards();
  config.use_kl_in_reward = false;
  const auto columns = make_experience(config, step);
  EXPECT_EQ(columns.responses[0].advantages, (Floats{0, 4}));
  EXPECT_EQ(columns.mean_kl, 1);
}

TEST(ExperienceTest, WithoutAReferenceThereIsNoKl) {
  const std::vector<ScoredTrajectory> step = {response(0, 0, {-1, -1}, {}, {0, 0}, 4)};
  const auto columns = make_experience(bare_rewards(), step);
  EXPECT_EQ(columns.responses[0].advantages, (Floats{0, 4}));
  EXPECT_FALSE(columns.metrics.contains("actor/reward_kl_penalty"));
}

// The global mean is what an adaptive controller is told: of responses, each by its own tokens.
TEST(ExperienceTest, TheMeanKlIsOverResponses) {
  const std::vector<ScoredTrajectory> step = {
      response(0, 0, {-1}, {-4}, {0}, 0), response(0, 1, {-1, -1, -1}, {-2, -2, -2}, {0, 0, 0}, 0)};
  const auto columns = make_experience(bare_rewards(), step);
  EXPECT_EQ(columns.mean_kl, (3.0 + 1.0) / 2);
  EXPECT_EQ(columns.metrics.at("actor/reward_kl_penalty"), 2);
  EXPECT_EQ(columns.metrics.at("actor/kl_per_response"), 3);
}

TEST(ExperienceTest, EveryTokenTakesItsResponsesAdvantageWithinItsPrompt) {
  const std::vector<ScoredTrajectory> step = {
      response(0, 0, {-1, -1}, {}, {}, 1), response(0, 1, {-1}, {}, {}, 3),
      response(7, 0, {-1}, {}, {}, 10), response(7, 1, {-1}, {}, {}, 10)};
  ExperienceConfig config;
  config.adv_estimator = AdvEstimator::grpo;
  config.norm_adv_by_std_in_grpo = false;
  const auto columns = make_experience(config, step);
  EXPECT_EQ(columns.responses[0].advantages, (Floats{-1, -1}));
  EXPECT_EQ(columns.responses[1].advantages, (Floats{1}));
  EXPECT_EQ(columns.responses[3].advantages, (Floats{0}));
  EXPECT_TRUE(columns.responses[0].returns.empty());
  config.adv_estimator = AdvEstimator::rloo;
  EXPECT_EQ(make_experience(config, step).responses[1].advantages, (Floats{2}));
}

TEST(ExperienceTest, MetricsHaveVerlsNames) {
  const std::vector<ScoredTrajectory> step = {response(0, 0, {-1, -1}, {-2, -1}, {0, 0}, 4),
                                              response(1, 0, {-1}, {-1}, {1}, 2)};
  const auto metrics = make_experience(bare_rewards(), step).metrics;
  EXPECT_EQ(metrics.at("critic/score/mean"), 3);
  EXPECT_EQ(metrics.at("critic/score/max"), 4);
  EXPECT_EQ(metrics.at("critic/rewards/mean"), (4 - 0.5 + 2) / 2);
  EXPECT_EQ(metrics.at("response_length/mean"), 1.5);
  for (const char* name : {"critic/advantages/mean", "critic/returns/mean", "critic/values/mean",
                           "critic/vf_explained_var", "prompt_length/max"})
    EXPECT_TRUE(metrics.contains(name)) << name;
}

TEST(ExperienceTest, TrajectoriesOutOfOrderOrWithoutValuesAreRefused) {
  std::vector<ScoredTrajectory> step = {response(1, 0, {-1}, {}, {0}, 0),
                                        response(0, 5, {-1}, {}, {0}, 0)};
  EXPECT_ANY_THROW(make_experience({}, step));
  std::swap(step[0], step[1]);
  EXPECT_NO_THROW(make_experience({}, step));
  step[0].values.clear();
  EXPECT_ANY_THROW(make_experience({}, step));
  EXPECT_ANY_THROW(make_experience({}, {}));
}

}  // namespace
}  // namespace troupe
