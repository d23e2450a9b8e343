#include "rlhf/reward_shaping.h"

#include <gtest/gtest.h>

#include "tests/golden/rlhf_golden.h"

namespace troupe {
namespace {

TEST(RewardShapingTest, AgreesWithOpenRlhfWhereTheMaskIsOne) {
  for (const auto& golden : golden::cases()) {
    const auto kept = golden.rows("old_logp"), reference = golden.rows("ref_logp"),
               mask = golden.rows("mask");
    const auto scores = golden.inputs.at("scores").get<std::vector<double>>();
    const auto expected =
        golden.results.at("openrlhf.compute_reward(kl_coef .05,k1 of old vs ref x mask)")
            .get<golden::Rows>();
    for (size_t i = 0; i < mask.size(); ++i) {
      std::vector<double> own_kept, own_reference, own_expected;
      for (size_t t = 0; t < mask[i].size(); ++t) {
        if (mask[i][t] == 0) continue;
        own_kept.push_back(kept[i][t]), own_reference.push_back(reference[i][t]);
        own_expected.push_back(expected[i][t]);
      }
      std::vector<double> rewards(own_kept.size());
      shape_rewards<double>({.kl_coef = 0.05, .compat = Compat::openrlhf}, own_kept, own_reference,
                            scores[i], false, rewards);
      for (size_t t = 0; t < rewards.size(); ++t) EXPECT_NEAR(rewards[t], own_expected[t], 1e-6);
    }
  }
}

TEST(RewardShapingTest, ClipsTheScoreThenPenalisesAMissingEnd) {
  const std::vector<float> kept = {-1, -2}, reference = {-1, -3};
  std::vector<float> rewards(2);
  const RewardShapingConfig config{.kl_coef = 0.5, .reward_clip = 5, .missing_eos_penalty = 1};
  EXPECT_EQ(shape_rewards<float>(config, kept, reference, 9, false, rewards).score, 5);
  EXPECT_EQ(rewards, (std::vector<float>{0, 4.5}));
  const auto truncated = shape_rewards<float>(config, kept, reference, 9, true, rewards);
  EXPECT_EQ(truncated.score, 4);
  EXPECT_EQ(truncated.sum_kl, 1);
  EXPECT_EQ(truncated.mean_kl, 0.5);
  EXPECT_EQ(truncated.sum_reward, 3.5);
}

TEST(RewardShapingTest, RefusesAnEmptyResponse) {
  EXPECT_ANY_THROW(shape_rewards<float>({}, {}, {}, 1, false, {}));
}

TEST(RewardShapingTest, NormalisesScoresByFrozenStatistics) {
  const std::vector<double> scores = {1, 3, 5, 7}, same = {2, 2};
  const auto normalisation = score_normalisation(scores);
  EXPECT_EQ(normalisation.apply(4), 0);
  EXPECT_NEAR(normalisation.apply(4 + normalisation.standard_deviation), 1, 1e-12);
  EXPECT_ANY_THROW(score_normalisation(same));
}

}  // namespace
}  // namespace troupe
