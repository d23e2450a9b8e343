#include "rlhf/whiten.h"

#include <gtest/gtest.h>

#include <cmath>
#include <vector>

namespace troupe {
namespace {

TEST(WhitenTest, GivesMeanZeroVarianceOneOverUnmaskedValues) {
  std::vector<double> values = {1, 2, 100, 4, 9};
  const std::vector<double> mask = {1, 1, 0, 1, 1};
  whiten<double>(values, mask);
  const auto moments = masked_moments<double>(values, mask, true);
  EXPECT_NEAR(moments.mean, 0, 1e-12);
  EXPECT_NEAR(moments.variance, 1, 1e-7);
  EXPECT_EQ(values[2], 0);
}

TEST(WhitenTest, OpenRlhfTakesThePopulationsVariance) {
  std::vector<double> values = {-1, 1};
  whiten<double>(values, {}, Compat::openrlhf);
  EXPECT_NEAR(values[1], 1, 1e-7);
  values = {-1, 1};
  whiten<double>(values, {}, Compat::verl);
  EXPECT_NEAR(values[1], std::sqrt(0.5), 1e-7);
}

TEST(WhitenTest, StaysFiniteWithoutVariance) {
  std::vector<float> values = {3, 3, 3}, one = {3}, none;
  for (auto* v : {&values, &one, &none}) whiten<float>(*v, {});
  EXPECT_EQ(values, (std::vector<float>{0, 0, 0}));
  EXPECT_EQ(one[0], 0);
}

}  // namespace
}  // namespace troupe
