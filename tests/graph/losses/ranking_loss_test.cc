#include "graph/losses/ranking_loss.h"

#include <gtest/gtest.h>

#include "tests/golden/rlhf_golden.h"

namespace troupe {
namespace {

struct Pairs {
  std::vector<double> chosen, rejected, margin;

  RankingLossInputs<double> inputs() const { return {chosen, rejected, margin}; }
  double mean_loss(const RankingLossConfig& config) const {
    std::vector<double> d_chosen(chosen.size()), d_rejected(chosen.size());
    return ranking_loss<double>(config, inputs(), 1.0 / chosen.size(), d_chosen, d_rejected).loss;
  }
};

TEST(RankingLossTest, AgreesWithTrlAndOpenRlhf) {
  const auto golden = golden::load();
  for (const auto& fresh : golden.at("fresh").at("cases")) {
    const auto& record = fresh.at("reward_model");
    const auto& inputs = record.at("inputs");
    Pairs pairs{inputs.at("chosen"), inputs.at("rejected"), {}};
    EXPECT_NEAR(pairs.mean_loss({}), record.at("loss").get<double>(), 1e-6);
    EXPECT_NEAR(pairs.mean_loss({}), record.at("logexp").get<double>(), 1e-6);
    pairs.margin = inputs.at("margin").get<std::vector<double>>();
    EXPECT_NEAR(pairs.mean_loss({}), record.at("loss_margin").get<double>(), 1e-6);
    EXPECT_NEAR(pairs.mean_loss({.center_rewards_coefficient = inputs.at("center").get<double>()}),
                record.at("loss_margin_center").get<double>(), 1e-6);
  }
}

TEST(RankingLossTest, GradientAgreesWithFiniteDifferences) {
  Pairs pairs{{0.5, -2, 40}, {1.5, 3, -40}, {0.1, 0.2, 0.3}};
  const RankingLossConfig config{0.01, 0.02};
  std::vector<double> d_chosen(3), d_rejected(3);
  ranking_loss<double>(config, pairs.inputs(), 1.0 / 3, d_chosen, d_rejected);
  const auto slope = [&](double& score) {
    const double kept = score;
    score = kept + 1e-5;
    const double above = pairs.mean_loss(config);
    score = kept - 1e-5;
    const double below = pairs.mean_loss(config);
    score = kept;
    return (above - below) / 2e-5;
  };
  for (size_t i = 0; i < 3; ++i) {
    EXPECT_NEAR(d_chosen[i], slope(pairs.chosen[i]), 1e-8);
    EXPECT_NEAR(d_rejected[i], slope(pairs.rejected[i]), 1e-8);
  }
}

TEST(RankingLossTest, StaysFiniteForScoresFarApart) {
  const std::vector<float> low = {-1000}, high = {1000};
  std::vector<float> d_chosen(1), d_rejected(1);
  const auto sums = ranking_loss<float>({}, {low, high, {}}, 1.0f, d_chosen, d_rejected);
  EXPECT_EQ(sums.loss, 2000);
  EXPECT_EQ(sums.right, 0);
  EXPECT_EQ(d_chosen[0], -1);
  EXPECT_EQ(d_rejected[0], 1);
}

}  // namespace
}  // namespace troupe
