#include "rlhf/gae.h"

#include <gtest/gtest.h>

#include "rlhf/whiten.h"
#include "tests/golden/rlhf_golden.h"

namespace troupe {
namespace {

using golden::flat;

struct Estimates {
  std::vector<double> advantages, returns, mask;
};

Estimates estimates_of(const golden::Case& golden, const golden::Rows& rewards,
                       const GaeConfig& config) {
  const auto values = golden.rows("values"), mask = golden.rows("mask");
  Estimates all{{}, {}, flat(mask)};
  for (size_t i = 0; i < mask.size(); ++i) {
    std::vector<double> advantages(mask[i].size()), returns(mask[i].size());
    gae<double>(config, rewards[i], values[i], mask[i], advantages, returns);
    all.advantages.insert(all.advantages.end(), advantages.begin(), advantages.end());
    all.returns.insert(all.returns.end(), returns.begin(), returns.end());
  }
  return all;
}

void expect_equal(const std::vector<double>& found, const nlohmann::json& rows) {
  const auto expected = flat(rows.get<golden::Rows>());
  ASSERT_EQ(found.size(), expected.size());
  for (size_t i = 0; i < found.size(); ++i) EXPECT_NEAR(found[i], expected[i], 1e-6) << i;
}

TEST(GaeTest, AgreesWithVerlHolesIncluded) {
  for (const auto& golden : golden::cases()) {
    auto all = estimates_of(golden, golden.rows("token_rewards"), {0.99, 0.95, Compat::verl});
    whiten<double>(all.advantages, all.mask, Compat::verl, true);
    const auto& record = golden.results.at("verl.gae(g=.99,l=.95)");
    expect_equal(all.advantages, record.at(0));
    expect_equal(all.returns, record.at(1));
  }
}

TEST(GaeTest, AgreesWithOpenRlhfHolesIncluded) {
  for (const auto& golden : golden::cases()) {
    auto all = estimates_of(golden, golden.rows("token_rewards"), {0.99, 0.95, Compat::openrlhf});
    const auto& record = golden.results.at(
        "openrlhf.gae(g=.99,l=.95) on token_rewards (unnormalised; compare returns with "
        "verl.gae(g=.99,l=.95)[1])");
    expect_equal(all.advantages, record.at(0));
    expect_equal(all.returns, record.at(1));
  }
}

// The record's rewards are those of the KL-shaping record, with gamma 1.
TEST(GaeTest, AgreesWithOpenRlhfWhitened) {
  for (const auto& golden : golden::cases()) {
    const auto rewards =
        golden.results.at("openrlhf.compute_reward(kl_coef .05,k1 of old vs ref x mask)")
            .get<golden::Rows>();
    auto all = estimates_of(golden, rewards, {1, 0.95, Compat::openrlhf});
    whiten<double>(all.advantages, all.mask, Compat::openrlhf, true);
    expect_equal(all.advantages,
                 golden.results.at("openrlhf.gae normalised (population var; not re-masked)"));
  }
}

TEST(GaeTest, SeesValueZeroAfterTheEnd) {
  const std::vector<float> rewards = {0, 2}, values = {1, 5};
  std::vector<float> advantages(2), returns(2);
  gae<float>({1, 1}, rewards, values, {}, advantages, returns);
  EXPECT_EQ(advantages, (std::vector<float>{1, -3}));
  EXPECT_EQ(returns, (std::vector<float>{2, 2}));
}

TEST(GaeTest, LambdaZeroIsTheOneStepError) {
  const std::vector<double> rewards = {1, 0, 3}, values = {0.5, 2, 1};
  std::vector<double> advantages(3), returns(3);
  gae<double>({0.5, 0}, rewards, values, {}, advantages, returns);
  EXPECT_EQ(advantages, (std::vector<double>{1.5, -1.5, 2}));
}

}  // namespace
}  // namespace troupe
