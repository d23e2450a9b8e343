#include "rlhf/group_advantages.h"

#include <gtest/gtest.h>

#include "tests/golden/rlhf_golden.h"

namespace troupe {
namespace {

std::vector<int64_t> groups_of(const golden::Case& golden) {
  std::vector<int64_t> groups;
  for (const auto& name : golden.inputs.at("group"))
    groups.push_back(name.get<std::string>().front());
  return groups;
}

void expect_record(const golden::Case& golden, const std::string& record, GroupAdvantage kind) {
  const auto scores = golden.inputs.at("scores").get<std::vector<double>>();
  const auto advantages = group_advantages(kind, scores, groups_of(golden));
  const auto expected = golden.results.at(record).get<golden::Rows>(), mask = golden.rows("mask");
  for (size_t i = 0; i < expected.size(); ++i) {
    for (size_t t = 0; t < expected[i].size(); ++t) {
      EXPECT_NEAR(advantages[i] * mask[i][t], expected[i][t], 1e-6) << record;
    }
  }
}

TEST(GroupAdvantagesTest, AgreesWithVerl) {
  for (const auto& golden : golden::cases()) {
    expect_record(golden, "verl.grpo", GroupAdvantage::grpo);
    expect_record(golden, "verl.rloo", GroupAdvantage::rloo);
  }
}

TEST(GroupAdvantagesTest, AgreesWithTrl) {
  for (const auto& golden : golden::cases()) {
    const auto scores = golden.inputs.at("scores").get<std::vector<double>>();
    const auto found =
        group_advantages(GroupAdvantage::grpo, scores, groups_of(golden), Compat::trl);
    const auto expected =
        golden::flat(golden.results.at("trl.grpo.advantage(scale=group)").get<golden::Rows>());
    ASSERT_EQ(found.size(), expected.size());
    for (size_t i = 0; i < found.size(); ++i) EXPECT_NEAR(found[i], expected[i], 1e-6);
  }
}

TEST(GroupAdvantagesTest, DrGrpoOnlySubtractsTheMean) {
  const std::vector<double> scores = {1, 10, 3, 20};
  const std::vector<int64_t> groups = {7, 8, 7, 8};
  EXPECT_EQ(group_advantages(GroupAdvantage::dr_grpo, scores, groups),
            (std::vector<double>{-1, -5, 1, 5}));
}

TEST(GroupAdvantagesTest, EqualScoresAndLoneResponsesStayFinite) {
  const std::vector<double> scores = {2, 2, 5};
  const std::vector<int64_t> groups = {0, 0, 1};
  EXPECT_EQ(group_advantages(GroupAdvantage::grpo, scores, groups), (std::vector<double>{0, 0, 5}));
  EXPECT_EQ(group_advantages(GroupAdvantage::rloo, scores, groups, Compat::trl),
            (std::vector<double>{0, 0, 0}));
}

}  // namespace
}  // namespace troupe
