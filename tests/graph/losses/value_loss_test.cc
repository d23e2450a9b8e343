#include "graph/losses/value_loss.h"

#include <gtest/gtest.h>

#include <numeric>

#include "tests/golden/rlhf_golden.h"

namespace troupe {
namespace {

using golden::flat;

TEST(ValueLossTest, AgreesWithVerlAndOpenRlhf) {
  for (const auto& golden : golden::cases()) {
    const auto values = flat(golden.rows("vpreds")), old_values = flat(golden.rows("values")),
               returns = flat(golden.rows("returns")), mask = flat(golden.rows("mask"));
    const double tokens = std::accumulate(mask.begin(), mask.end(), 0.0);
    std::vector<double> gradient(values.size());
    const auto sums =
        value_loss<double>({0.5}, {values, old_values, returns, mask}, 1 / tokens, gradient);
    const auto& record = golden.results.at("verl.value_loss(.5)");
    const auto expected = record.is_array() ? record.at(0).get<double>() : record.get<double>();
    EXPECT_NEAR(sums.loss, expected, 1e-6);
    if (record.is_array()) {
      EXPECT_NEAR(sums.clipped / tokens, record.at(1).get<double>(), 1e-6);
    }
  }
}

TEST(ValueLossTest, GradientAgreesWithFiniteDifferences) {
  const auto golden = golden::cases().back();
  auto values = flat(golden.rows("vpreds"));
  const auto old_values = flat(golden.rows("values")), returns = flat(golden.rows("returns")),
             mask = flat(golden.rows("mask"));
  std::vector<double> gradient(values.size()), unused(gradient);
  const auto loss_at = [&](size_t i, double step) {
    const double kept = values[i];
    values[i] += step;
    const auto sums = value_loss<double>({0.3}, {values, old_values, returns, mask}, 0.1, unused);
    values[i] = kept;
    return sums.loss;
  };
  value_loss<double>({0.3}, {values, old_values, returns, mask}, 0.1, gradient);
  for (size_t i = 0; i < values.size(); ++i) {
    EXPECT_NEAR(gradient[i], (loss_at(i, 1e-6) - loss_at(i, -1e-6)) / 2e-6, 1e-7) << i;
  }
}

TEST(ValueLossTest, HoldsBackAValueThatMovedAwayFromItsOldOne) {
  const std::vector<float> value = {2, 2}, old_value = {0, 0}, returns = {1.9f, 1.9f},
                           weight = {1, 0};
  std::vector<float> gradient(2);
  const auto clipped =
      value_loss<float>({0.5}, {value, old_value, returns, weight}, 1.0f, gradient);
  EXPECT_EQ(gradient, (std::vector<float>{0, 0}));
  EXPECT_EQ(clipped.clipped, 1);
  EXPECT_NEAR(clipped.loss, 0.98, 1e-6);
  value_loss<float>({0}, {value, old_value, returns, weight}, 1.0f, gradient);
  EXPECT_NEAR(gradient[0], 0.1, 1e-6);
}

}  // namespace
}  // namespace troupe
