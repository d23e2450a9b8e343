#include "actors/train/micro_batch_loss.h"

#include <gtest/gtest.h>

#include <cmath>

#include "base/error.h"
#include "graph/losses/nll_loss.h"
#include "graph/losses/policy_loss.h"
#include "graph/losses/ranking_loss.h"
#include "graph/losses/value_loss.h"

namespace troupe {
namespace {

using Floats = std::vector<float>;

// Two sequences of two and three tokens, of which three rows count.
MicroBatch batch(std::map<std::string, Floats> columns = {}) {
  MicroBatch batch;
  batch.token_ids = {1, 2, 3, 4, 5};
  batch.sequence_starts = {0, 2, 5};
  batch.columns = std::move(columns);
  batch.columns["weight"] = {0, 1, 0, 1, 1};
  return batch;
}

const Floats kLogProb = {9, -1, 9, -2, -0.5f}, kEntropy = {9, 0.5f, 9, 1, 2};

LossSpec spec(LossKind kind) {
  LossSpec spec;
  spec.kind = kind;
  spec.scale = 1.0f / 3;
  return spec;
}

TEST(MicroBatchLossTest, NllIsThatOfTheLoss) {
  const auto loss =
      micro_batch_loss(spec(LossKind::nll), batch(), {.log_prob = kLogProb, .entropy = kEntropy});
  Floats gradient(5);
  const auto expected = nll_loss<float>(kLogProb, Floats{0, 1, 0, 1, 1}, 1.0f / 3, gradient);
  EXPECT_EQ(loss.gradients.at("log_prob"), gradient);
  EXPECT_EQ(loss.gradients.at("entropy"), Floats(5));
  EXPECT_EQ(loss.sums.at("loss"), expected.loss);
  EXPECT_EQ(loss.sums.at("tokens"), 3);
}

MicroBatch policy_batch() {
  return batch({{"old_log_prob", {0, -1.5f, 0, -2, -0.5f}},
                {"advantage", {50, 1, 50, -1, 2}},
                {"reference_log_prob", {0, -1, 0, -3, -1}}});
}

TEST(MicroBatchLossTest, PolicyIsThatOfTheLossWithItsSettings) {
  auto with = spec(LossKind::policy);
  with.clip_ratio_low = 0.1;
  with.clip_ratio_high = 0.3;
  with.entropy_coeff = 0.01;
  with.kl_loss_coef = 0.2;
  const auto batch = policy_batch();
  const auto loss = micro_batch_loss(with, batch, {.log_prob = kLogProb, .entropy = kEntropy});
  PolicyLossConfig config;
  config.clip_ratio_low = 0.1;
  config.clip_ratio_high = 0.3;
  config.clip_ratio_c = 0;
  config.entropy_coeff = 0.01;
  config.kl_loss_coef = 0.2;
  PolicyLossInputs<float> inputs;
  inputs.log_prob = kLogProb;
  inputs.entropy = kEntropy;
  inputs.old_log_prob = batch.columns.at("old_log_prob");
  inputs.advantages = batch.columns.at("advantage");
  inputs.weight = batch.columns.at("weight");
  inputs.reference_log_prob = batch.columns.at("reference_log_prob");
  Floats d_log_prob(5), d_entropy(5);
  const auto expected = policy_loss<float>(config, inputs, with.scale, d_log_prob, d_entropy);
  EXPECT_EQ(loss.gradients.at("log_prob"), d_log_prob);
  EXPECT_EQ(loss.gradients.at("entropy"), d_entropy);
  EXPECT_EQ(loss.sums.at("loss"), expected.loss);
  EXPECT_EQ(loss.sums.at("pg_loss"), expected.pg_loss);
  EXPECT_EQ(loss.sums.at("kl_loss"), expected.kl_loss);
  EXPECT_EQ(loss.sums.at("ppo_kl"), -0.5);  // of response tokens only
  EXPECT_EQ(loss.sums.at("clipped"), 1);    // ratio e^0.5 with a good advantage
  EXPECT_EQ(loss.sums.at("entropy"), 3.5);
  EXPECT_EQ(loss.sums.at("tokens"), 3);
}

TEST(MicroBatchLossTest, TheKlInTheLossHasAGradientOfItsOwn) {
  auto with = spec(LossKind::policy);
  auto batch = policy_batch();
  batch.columns["advantage"] = Floats(5);
  const HeadOutputs outputs = {.log_prob = kLogProb, .entropy = kEntropy};
  EXPECT_EQ(micro_batch_loss(with, batch, outputs).gradients.at("log_prob"), Floats(5));
  with.kl_loss_coef = 1;
  const auto gradient = micro_batch_loss(with, batch, outputs).gradients.at("log_prob");
  EXPECT_EQ(gradient[0], 0);
  EXPECT_EQ(gradient[1], 0);                                 // agrees with the reference
  EXPECT_NEAR(gradient[3], (1 - std::exp(-1.0)) / 3, 1e-6);  // k3
}

TEST(MicroBatchLossTest, RolloutAndTrainingAreComparedOverResponseTokens) {
  const auto loss = micro_batch_loss(spec(LossKind::policy), policy_batch(),
                                     {.log_prob = kLogProb, .entropy = kEntropy});
  EXPECT_EQ(loss.sums.at("rollout_probs_compared"), 3);
  EXPECT_EQ(loss.sums.at("rollout_log_probs_diff"), 0.5);
  EXPECT_EQ(loss.maxima.at("rollout_log_probs_diff_max"), 0.5);
  EXPECT_EQ(loss.maxima.at("rollout_probs_diff_max"), std::exp(-1.0) - std::exp(-1.5));
}

TEST(MicroBatchLossTest, ANanIsADifferenceWhereverItStands) {
  for (const size_t row : {1, 4}) {
    auto log_prob = kLogProb;
    log_prob[row] = NAN;
    const auto loss = micro_batch_loss(spec(LossKind::policy), policy_batch(),
                                       {.log_prob = log_prob, .entropy = kEntropy});
    EXPECT_EQ(loss.maxima.at("rollout_log_probs_diff_max"), INFINITY) << row;
    EXPECT_EQ(loss.maxima.at("rollout_probs_diff_max"), INFINITY) << row;
  }
}

TEST(MicroBatchLossTest, ValueIsThatOfTheLoss) {
  auto with = spec(LossKind::value);
  with.cliprange_value = 0.5;
  const Floats values = {7, 2, 7, 1, -1}, old_values = {0, 1, 0, 1, 0}, returns = {0, 4, 0, 1, 1};
  const auto loss = micro_batch_loss(with, batch({{"old_value", old_values}, {"return", returns}}),
                                     {.values = values});
  Floats gradient(5);
  const auto expected =
      value_loss<float>({.cliprange_value = 0.5},
                        {values, old_values, returns, Floats{0, 1, 0, 1, 1}}, with.scale, gradient);
  EXPECT_EQ(loss.gradients.at("values"), gradient);
  EXPECT_EQ(loss.sums.at("loss"), expected.loss);
  EXPECT_EQ(loss.sums.at("clipped"), static_cast<double>(expected.clipped));
  EXPECT_GT(expected.clipped, 0);
  EXPECT_EQ(loss.sums.at("values"), 2);
}

TEST(MicroBatchLossTest, RankingComparesTheScoresOfLastTokens) {
  auto with = spec(LossKind::ranking);
  with.mean_square_coefficient = 0.1;
  const Floats values = {7, 2, 7, 7, -1};
  const auto loss = micro_batch_loss(with, batch(), {.values = values});
  const Floats chosen = {2}, rejected = {-1};
  Floats d_chosen(1), d_rejected(1);
  RankingLossConfig config;
  config.mean_square_coefficient = 0.1;
  const auto expected = ranking_loss<float>(config, {.chosen = chosen, .rejected = rejected},
                                            with.scale, d_chosen, d_rejected);
  EXPECT_EQ(loss.gradients.at("values"), (Floats{0, d_chosen[0], 0, 0, d_rejected[0]}));
  EXPECT_EQ(loss.sums.at("loss"), expected.loss);
  EXPECT_EQ(loss.sums.at("margin"), 3);
  EXPECT_EQ(loss.sums.at("right"), 1);
  EXPECT_EQ(loss.sums.at("pairs"), 1);
}

TEST(MicroBatchLossTest, AMissingOrShortColumnIsNamed) {
  auto without = policy_batch();
  without.columns.erase("advantage");
  const HeadOutputs outputs = {.log_prob = kLogProb, .entropy = kEntropy};
  try {
    micro_batch_loss(spec(LossKind::policy), without, outputs);
    FAIL() << "a missing column was not refused";
  } catch (const Error& e) {
    EXPECT_NE(std::string(e.what()).find("advantage"), std::string::npos) << e.what();
  }
  auto odd = batch();
  odd.sequence_starts = {0, 5};
  EXPECT_THROW(micro_batch_loss(spec(LossKind::ranking), odd, {.values = kLogProb}), Error);
}

}  // namespace
}  // namespace troupe
