#include "graph/losses/policy_loss.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <functional>

#include "graph/losses/aggregation.h"
#include "tests/golden/rlhf_golden.h"

namespace troupe {
namespace {

using golden::flat;

struct Batch {
  std::vector<double> log_prob, old_log_prob, advantages, weight, reference, importance, entropy;

  PolicyLossInputs<double> inputs() const {
    return {log_prob, old_log_prob, advantages, weight, entropy, reference, importance};
  }
};

Batch batch_of(const golden::Case& golden) {
  return {flat(golden.rows("logp")),
          flat(golden.rows("old_logp")),
          flat(golden.rows("adv")),
          flat(golden.rows("mask")),
          {},
          {},
          {}};
}

double weigh(Batch& batch, const golden::Case& golden, LossAggregation aggregation) {
  const auto mask = golden.rows("mask");
  int64_t tokens = 0, sequences = 0;
  batch.weight.clear();
  for (const auto& row : mask) {
    std::vector<double> weight(row.size());
    token_weights<double>(aggregation, row, weight);
    batch.weight.insert(batch.weight.end(), weight.begin(), weight.end());
    const auto count = std::count(row.begin(), row.end(), 1.0);
    tokens += count, sequences += count > 0;
  }
  return loss_scale(aggregation, tokens, sequences);
}

void expect_record(const PolicyLossConfig& config, const Batch& batch, double scale,
                   const nlohmann::json& record, const std::string& name) {
  std::vector<double> gradient(batch.log_prob.size());
  const auto sums = policy_loss<double>(config, batch.inputs(), scale, gradient);
  EXPECT_NEAR(sums.loss, record.at("loss").get<double>(), 1e-6) << name;
  const auto expected = flat(record.at("grad_logp").get<golden::Rows>());
  ASSERT_EQ(expected.size(), gradient.size());
  for (size_t i = 0; i < expected.size(); ++i)
    EXPECT_NEAR(gradient[i], expected[i], 1e-6) << name << i;
  if (name.starts_with("verl") && record.contains("extra")) {
    const auto& metrics = record.at("extra").at(0);
    const double tokens = static_cast<double>(sums.tokens);
    EXPECT_NEAR(sums.clipped / tokens, metrics.at("actor/pg_clipfrac").get<double>(), 1e-6);
    EXPECT_NEAR(sums.clipped_lower / tokens, metrics.at("actor/pg_clipfrac_lower").get<double>(),
                1e-6);
    EXPECT_NEAR(sums.ppo_kl / tokens, metrics.at("actor/ppo_kl").get<double>(), 1e-6);
  }
}

PolicyLossConfig without_dual_clip(double low, double high) {
  return {.clip_ratio_low = low, .clip_ratio_high = high, .clip_ratio_c = 0, .log_ratio_limit = 0};
}

TEST(PolicyLossTest, AgreesWithVerlOpenRlhfAndTrl) {
  struct Variant {
    std::string record;
    PolicyLossConfig config;
    LossAggregation aggregation = LossAggregation::token_mean;
  };
  auto with_kl = without_dual_clip(0.2, 0.28);
  with_kl.kl_loss_coef = 0.04;
  with_kl.compat = Compat::trl;
  const std::vector<Variant> variants = {
      {"verl.vanilla.token-mean", {}},
      {"verl.vanilla.seq-mean-token-sum", {}, LossAggregation::seq_mean_token_sum},
      {"verl.vanilla.seq-mean-token-mean", {}, LossAggregation::seq_mean_token_mean},
      {"verl.vanilla.dapo_cliphigher_.2_.28.token-mean", {.clip_ratio_high = 0.28}},
      {"openrlhf.ppo.token_level", without_dual_clip(0.2, 0.2)},
      {"openrlhf.ppo.dual3", {.log_ratio_limit = 0}},
      {"trl.grpo.grpo(eps .2)", without_dual_clip(0.2, 0.2), LossAggregation::seq_mean_token_mean},
      {"trl.grpo.dapo(eps .2)", without_dual_clip(0.2, 0.2)},
      {"trl.grpo.dapo(eps .2/.28, beta .04)", with_kl}};
  for (const auto& golden : golden::cases()) {
    for (const auto& variant : variants) {
      auto batch = batch_of(golden);
      const double scale = weigh(batch, golden, variant.aggregation);
      batch.reference = flat(golden.rows("ref_logp"));
      expect_record(variant.config, batch, scale, golden.results.at(variant.record),
                    variant.record);
    }
  }
}

// Weights of a rollout engine whose log-probs are `ref_logp`.
std::vector<double> importance(const golden::Case& golden,
                               const std::function<double(double, double)>& rule) {
  const auto old_rows = golden.rows("old_logp"), rollout_rows = golden.rows("ref_logp");
  const auto mask = golden.rows("mask");
  std::vector<double> all;
  for (size_t i = 0; i < old_rows.size(); ++i) {
    double sum = 0, count = 0;
    for (size_t t = 0; t < mask[i].size(); ++t) {
      sum += mask[i][t] * (old_rows[i][t] - rollout_rows[i][t]), count += mask[i][t];
    }
    for (size_t t = 0; t < mask[i].size(); ++t) {
      all.push_back(rule(std::exp(old_rows[i][t] - rollout_rows[i][t]), std::exp(sum / count)));
    }
  }
  return all;
}

TEST(PolicyLossTest, MultipliesByRolloutCorrectionWeights) {
  const auto token = [](double w, double) { return std::clamp(w, 0.8, 1.25); };
  const auto capped = [](double w, double) { return std::min(w, 2.0); };
  const auto sequence = [](double w, double mean) { return mean >= 0.8 && mean <= 1.25 ? w : 0.0; };
  for (const auto& golden : golden::cases()) {
    auto batch = batch_of(golden);
    const double scale = weigh(batch, golden, LossAggregation::token_mean);
    const auto expect = [&](const std::string& name, const PolicyLossConfig& config,
                            const auto& rule) {
      batch.importance = importance(golden, rule);
      expect_record(config, batch, scale, golden.results.at(name), name);
    };
    expect("verl.vanilla.tis2(rollout_logp=ref_logp)", {}, capped);
    expect("openrlhf.ppo.tis[.8,1.25](rollout_logp=ref_logp)", without_dual_clip(0.2, 0.2), token);
    expect("openrlhf.ppo.seq-mask-tis[.8,1.25](rollout_logp=ref_logp)", without_dual_clip(0.2, 0.2),
           sequence);
  }
}

TEST(PolicyLossTest, GradientAgreesWithFiniteDifferences) {
  auto golden = golden::cases().back();
  for (auto estimator : {KlEstimator::k1, KlEstimator::k2, KlEstimator::k3}) {
    auto batch = batch_of(golden);
    batch.reference = flat(golden.rows("ref_logp"));
    batch.entropy = flat(golden.rows("values"));
    const PolicyLossConfig config{
        .entropy_coeff = 0.3, .kl_loss_coef = 0.2, .kl_loss_type = estimator};
    std::vector<double> d_log_prob(batch.log_prob.size()), d_entropy(d_log_prob),
        unused(d_log_prob);
    policy_loss<double>(config, batch.inputs(), 0.1, d_log_prob, d_entropy);
    const auto slope = [&](double& x) {
      const double kept = x;
      x = kept + 1e-6;
      const double above = policy_loss<double>(config, batch.inputs(), 0.1, unused).loss;
      x = kept - 1e-6;
      const double below = policy_loss<double>(config, batch.inputs(), 0.1, unused).loss;
      x = kept;
      return (above - below) / 2e-6;
    };
    for (size_t i = 0; i < d_log_prob.size(); ++i) {
      EXPECT_NEAR(d_log_prob[i], slope(batch.log_prob[i]), 1e-7) << i;
      EXPECT_NEAR(d_entropy[i], slope(batch.entropy[i]), 1e-7) << i;
    }
  }
}

TEST(PolicyLossTest, SplitIntoPacksAddsUpToTheWhole) {
  const auto golden = golden::cases().front();
  const auto batch = batch_of(golden);
  std::vector<double> whole(batch.log_prob.size()), parts(whole);
  const auto all = policy_loss<double>({}, batch.inputs(), 0.5, whole);
  PolicyLossSums sums;
  for (size_t start = 0; start < whole.size(); start += 6) {
    const auto cut = [&](const std::vector<double>& v) { return std::span(v).subspan(start, 6); };
    const PolicyLossInputs<double> inputs{cut(batch.log_prob),
                                          cut(batch.old_log_prob),
                                          cut(batch.advantages),
                                          cut(batch.weight),
                                          {},
                                          {},
                                          {}};
    sums += policy_loss<double>({}, inputs, 0.5, std::span(parts).subspan(start, 6));
  }
  EXPECT_EQ(parts, whole);
  EXPECT_EQ(sums.clipped, all.clipped);
  EXPECT_EQ(sums.tokens, all.tokens);
  EXPECT_NEAR(sums.loss, all.loss, 1e-12);
}

TEST(PolicyLossTest, NeverReadsAMaskedToken) {
  const float nan = std::nanf("");
  const std::vector<float> log_prob = {-1, nan}, old = {-1, nan}, advantages = {2, nan},
                           weight = {1, 0};
  std::vector<float> gradient(2), d_entropy(2);
  const auto sums = policy_loss<float>({}, {log_prob, old, advantages, weight, {}, {}, {}}, 1.0f,
                                       gradient, d_entropy);
  EXPECT_EQ(sums.loss, -2);
  EXPECT_EQ(sums.tokens, 1);
  EXPECT_EQ(gradient, (std::vector<float>{-2, 0}));
}

TEST(PolicyLossTest, OnPolicyRatioIsExactlyOne) {
  const std::vector<float> log_prob = {-1.2345f, -0.001f}, advantages = {0.3f, -0.7f},
                           weight = {1, 1};
  std::vector<float> gradient(2);
  const auto sums =
      policy_loss<float>({}, {log_prob, log_prob, advantages, weight, {}, {}, {}}, 1.0f, gradient);
  EXPECT_EQ(gradient, (std::vector<float>{-0.3f, 0.7f}));
  EXPECT_EQ(sums.clipped, 0);
  EXPECT_EQ(sums.ppo_kl, 0);
}

TEST(PolicyLossTest, RefusesAKlLossWithoutReference) {
  const std::vector<float> one = {1};
  std::vector<float> gradient(1);
  EXPECT_ANY_THROW(
      policy_loss<float>({.kl_loss_coef = 0.1}, {one, one, one, one, {}, {}, {}}, 1.0f, gradient));
  EXPECT_ANY_THROW(
      policy_loss<float>({.clip_ratio_c = 0.5}, {one, one, one, one, {}, {}, {}}, 1.0f, gradient));
}

TEST(LossAggregationTest, RefusesAnUnknownName) {
  EXPECT_EQ(loss_aggregation_from_name("seq-mean-token-mean"),
            LossAggregation::seq_mean_token_mean);
  EXPECT_ANY_THROW(loss_aggregation_from_name("token_mean"));
}

}  // namespace
}  // namespace troupe
