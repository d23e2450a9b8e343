#include "rlhf/reinforce.h"

#include <gtest/gtest.h>

#include "rlhf/whiten.h"
#include "tests/golden/rlhf_golden.h"

namespace troupe {
namespace {

TEST(ReinforceTest, AgreesWithVerlsReinforcePlusPlus) {
  for (const auto& golden : golden::cases()) {
    const auto rewards = golden.rows("token_rewards"), mask = golden.rows("mask");
    golden::Rows returns = mask;
    for (size_t i = 0; i < mask.size(); ++i)
      discounted_returns<double>(1, rewards[i], mask[i], returns[i]);
    auto advantages = golden::flat(returns);
    whiten<double>(advantages, golden::flat(mask));
    const auto& record = golden.results.at("verl.reinforce++(g=1)");
    const auto expected = golden::flat(record.at(0).get<golden::Rows>());
    const auto expected_returns = golden::flat(record.at(1).get<golden::Rows>());
    const auto found_returns = golden::flat(returns), own = golden::flat(mask);
    for (size_t i = 0; i < expected.size(); ++i) {
      EXPECT_NEAR(advantages[i], expected[i], 1e-6) << i;
      EXPECT_NEAR(found_returns[i], own[i] * expected_returns[i], 1e-6) << i;
    }
  }
}

TEST(ReinforceTest, DiscountsButNotOverHoles) {
  const std::vector<double> rewards = {0, 9, 0, 8}, mask = {1, 0, 1, 1};
  std::vector<double> returns(4);
  discounted_returns<double>(0.5, rewards, mask, returns);
  EXPECT_EQ(returns, (std::vector<double>{2, 0, 4, 8}));
}

}  // namespace
}  // namespace troupe
