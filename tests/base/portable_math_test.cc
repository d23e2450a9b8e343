#include "base/portable_math.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>

namespace troupe {
namespace {

TEST(PortableMathTest, ExpAgreesWithTheMathsLibrary) {
  for (double x = -700; x < 700; x += 0.37) {
    EXPECT_NEAR(portable_exp(x) / std::exp(x), 1, 1e-15) << x;
  }
  EXPECT_EQ(portable_exp(0), 1);
  EXPECT_EQ(portable_exp(-800), 0);
  EXPECT_TRUE(std::isinf(portable_exp(800)));
}

TEST(PortableMathTest, LogAgreesWithTheMathsLibrary) {
  for (double x = 1e-12; x < 1e12; x *= 1.31) {
    EXPECT_NEAR(portable_log(x), std::log(x), 4e-16 * (1 + std::fabs(std::log(x)))) << x;
  }
  EXPECT_EQ(portable_log(1), 0);
  EXPECT_EQ(portable_log(0), -std::numeric_limits<double>::infinity());
  EXPECT_TRUE(std::isnan(portable_log(-1)));
}

TEST(PortableMathTest, Log1pKeepsItsDigitsNearZero) {
  for (double x : {1e-18, -3e-12, 1e-5, -0.2, 0.3, 5.0}) {
    EXPECT_NEAR(portable_log1p(x) / std::log1p(x), 1, 1e-15) << x;
  }
}

TEST(PortableMathTest, CosineAgreesOverItsRange) {
  for (double x = -3.14; x < 3.14; x += 0.011)
    EXPECT_NEAR(portable_cos(x), std::cos(x), 1e-15) << x;
}

}  // namespace
}  // namespace troupe
