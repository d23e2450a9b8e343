#include "graph/losses/nll_loss.h"

#include <gtest/gtest.h>

#include <cmath>
#include <vector>

namespace troupe {
namespace {

TEST(NllLossTest, IsTheMeanOverUnmaskedTargets) {
  const std::vector<float> log_prob = {-1, -2, std::nanf(""), -6}, weight = {1, 1, 0, 1};
  std::vector<float> gradient(4);
  const auto sums = nll_loss<float>(log_prob, weight, 1.0f / 3, gradient);
  EXPECT_NEAR(sums.loss, 3, 1e-6);
  EXPECT_EQ(sums.nll, 9);
  EXPECT_EQ(sums.tokens, 3);
  EXPECT_EQ(gradient, (std::vector<float>{-1.0f / 3, -1.0f / 3, 0, -1.0f / 3}));
}

TEST(NllLossTest, RefusesSpansOfDifferentLengths) {
  const std::vector<float> two(2), three(3);
  std::vector<float> gradient(2);
  EXPECT_ANY_THROW(nll_loss<float>(two, three, 1.0f, gradient));
}

}  // namespace
}  // namespace troupe
