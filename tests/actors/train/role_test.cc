#include "actors/train/role.h"

#include <gtest/gtest.h>

namespace troupe {
namespace {

BatchResult part(const std::string& weight, double squares) {
  BatchResult result;
  result.gradient_squares[weight] = squares;
  result.busy_ns = 5;
  return result;
}

TEST(RoleTest, PartsOfStagesBecomeOneResult) {
  auto first = part("a", 9), last = part("b", 16);
  last.outputs.push_back({0, {{"log_prob", {-1}}}});
  last.losses = {{1, {{"loss", 1.5}}}, {0, {{"loss", 0.5}}}};
  first.maxima = {{"worst", 7}};
  last.maxima = {{"worst", 3}, {"other", -1}};
  const auto all = combine({first, last});
  EXPECT_EQ(all.outputs.size(), 1u);
  EXPECT_EQ(all.sums.at("loss"), 2);
  EXPECT_EQ(all.maxima.at("worst"), 7);
  EXPECT_EQ(all.maxima.at("other"), -1);
  EXPECT_EQ(all.busy_ns, 10);
  EXPECT_EQ(gradient_norm(all), 5);
}

TEST(RoleTest, TheNormIsAddedUpByWeightNameWhateverTheStages) {
  const double tiny = 1e-17;
  BatchResult whole;
  whole.gradient_squares = {{"a", tiny}, {"b", tiny}, {"c", 1}};
  const auto cut = combine({part("c", 1), part("b", tiny), part("a", tiny)});
  EXPECT_EQ(gradient_norm(cut), gradient_norm(whole));
}

TEST(RoleTest, GradientsAreScaledDownToTheLimitAndNeverUp) {
  EXPECT_EQ(clip_scale(0.5, 1), 1);
  EXPECT_EQ(clip_scale(1, 1), 1);
  EXPECT_NEAR(clip_scale(4, 1), 0.25, 1e-6);
  EXPECT_EQ(clip_scale(1e9, 0), 1);
}

}  // namespace
}  // namespace troupe
