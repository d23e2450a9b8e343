#include "kernels/table_math.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>

namespace troupe {
namespace {

TEST(TableMathTest, SineAndCosineHoldToAMillion) {
  double worst = 0;
  for (int64_t i = 0; i < 1'000'000; ++i) {
    const double x = (i % 2 ? 1e6 : 50.0) * std::sin(static_cast<double>(i));
    const auto got = sine_cosine(x);
    worst = std::max(worst, static_cast<double>(std::fabs(got.sine - std::sin((long double)x))));
    worst = std::max(worst, static_cast<double>(std::fabs(got.cosine - std::cos((long double)x))));
  }
  EXPECT_LT(worst, 1e-12);
  EXPECT_EQ(sine_cosine(0).sine, 0);
  EXPECT_EQ(sine_cosine(0).cosine, 1);
}

TEST(TableMathTest, PowerLogAndExponentialHoldInDouble) {
  for (int i = 1; i < 20000; ++i) {
    const double x = i * 0.0347;
    ASSERT_NEAR(natural_log(x), std::log(x), 4e-16 * std::fabs(std::log(x)) + 1e-16) << x;
    ASSERT_NEAR(exponential(x - 300) / std::exp(x - 300), 1, 1e-15) << x;
    ASSERT_NEAR(power(10000.0, -x / 700) / std::pow(10000.0, -x / 700), 1, 1e-14) << x;
  }
  EXPECT_NEAR(power(0.999, int64_t{1000}), std::pow(0.999, 1000), 1e-14);
  EXPECT_EQ(power(0.9, int64_t{0}), 1);
}

}  // namespace
}  // namespace troupe
