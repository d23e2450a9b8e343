
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <span>
#include <vector>

#include "base/hash.h"
#include "tests/kernels/math_lanes.h"

namespace troupe {
namespace {

using Exact = long double (*)(long double);

// Distance in units of the last place of the exact value.
double ulps(float got, long double exact) {
  if (std::fabs(exact) > 3.4028235e38L) return std::isinf(got) ? 0 : 1e9;
  const int exponent = std::max(std::ilogb(exact == 0 ? 1e-300L : exact), -126);
  return static_cast<double>(std::fabs(got - exact) * std::exp2(23.0L - exponent));
}

double worst_ulps(MathLanes lanes, Exact exact, float begin, float end, int64_t count) {
  double worst = 0;
  for (int64_t i = 0; i < count; i += kMathLanes) {
    float x[kMathLanes], y[kMathLanes];
    for (int l = 0; l < kMathLanes; ++l)
      x[l] = begin + static_cast<float>((i + l) / static_cast<double>(count)) * (end - begin);
    lanes(x, y);
    for (int l = 0; l < kMathLanes; ++l) worst = std::max(worst, ulps(y[l], exact(x[l])));
  }
  return worst;
}

constexpr int64_t kMillion = 1'000'000;

template <MathLanes lanes>
float one(float x) {
  float all[kMathLanes];
  std::fill_n(all, kMathLanes, x);
  lanes(all, all);
  return all[0];
}
constexpr auto exp = one<exp_lanes>, exp2 = one<exp2_lanes>, log = one<log_lanes>,
               sigmoid = one<sigmoid_lanes>, tanh = one<tanh_lanes>;

TEST(MathTest, ExpIsWithinOneUlp) {
  const Exact exact = [](long double x) { return std::exp(x); };
  EXPECT_LT(worst_ulps(exp_lanes, exact, -87.3f, 88.72f, 2 * kMillion), 1.0);
  EXPECT_LT(worst_ulps(exp_lanes, exact, -1, 1, kMillion), 1.0);
  EXPECT_LT(worst_ulps(exp_lanes, exact, -120, -87.3f, kMillion), 1.0);
  EXPECT_LT(worst_ulps(exp_lanes, exact, 88.72f, 200, kMillion / 10), 1.0);
}

TEST(MathTest, Exp2IsWithinOneUlp) {
  const Exact exact = [](long double x) { return std::exp2(x); };
  EXPECT_LT(worst_ulps(exp2_lanes, exact, -160, 130, 2 * kMillion), 1.0);
  EXPECT_LT(worst_ulps(exp2_lanes, exact, -1, 1, kMillion), 1.0);
}

TEST(MathTest, LogIsWithinOneUlp) {
  const Exact exact = [](long double x) { return std::log(x); };
  EXPECT_LT(worst_ulps(log_lanes, exact, 0.25f, 4, 2 * kMillion), 1.0);
  EXPECT_LT(worst_ulps(log_lanes, exact, 1, 60000, kMillion), 1.0);
  EXPECT_LT(worst_ulps(log_lanes, exact, 1e-44f, 1e-37f, kMillion), 1.0);
  EXPECT_LT(worst_ulps(log_lanes, exact, 1e30f, 3.4e38f, kMillion), 1.0);
}

TEST(MathTest, SigmoidIsWithinTwoAndAHalfUlps) {
  const Exact exact = [](long double x) { return 1 / (1 + std::exp(-x)); };
  EXPECT_LT(worst_ulps(sigmoid_lanes, exact, -100, 100, 2 * kMillion), 2.5);
  EXPECT_LT(worst_ulps(sigmoid_lanes, exact, -2, 2, kMillion), 2.5);
}

TEST(MathTest, TanhIsWithinTwoUlps) {
  const Exact exact = [](long double x) { return std::tanh(x); };
  EXPECT_LT(worst_ulps(tanh_lanes, exact, -100, 100, kMillion), 2.0);
  EXPECT_LT(worst_ulps(tanh_lanes, exact, -2, 2, 2 * kMillion), 2.0);
  EXPECT_LT(worst_ulps(tanh_lanes, exact, -1e-30f, 1e-30f, kMillion / 10), 2.0);
}

TEST(MathTest, TakesTheSpecialValues) {
  const float infinity = std::numeric_limits<float>::infinity(), nan = std::nanf("");
  EXPECT_EQ(exp(-infinity), 0);
  EXPECT_EQ(exp(infinity), infinity);
  EXPECT_EQ(exp(0.0f), 1);
  EXPECT_TRUE(std::isnan(exp(nan)));
  EXPECT_EQ(log(0.0f), -infinity);
  EXPECT_EQ(log(infinity), infinity);
  EXPECT_EQ(log(1.0f), 0);
  EXPECT_TRUE(std::isnan(log(-1.0f)));
  EXPECT_TRUE(std::isnan(log(nan)));
  EXPECT_EQ(sigmoid(-infinity), 0);
  EXPECT_EQ(sigmoid(infinity), 1);
  EXPECT_EQ(tanh(-infinity), -1);
  EXPECT_EQ(tanh(infinity), 1);
  EXPECT_TRUE(std::isnan(tanh(nan)));
}

TEST(MathTest, GivesTheSameBitsOnEveryInstructionSet) {
  std::vector<float> values;
  for (int i = 0; i < 100000; ++i) {
    const float x = -104 + static_cast<float>(i) * 0.00193f;
    for (float y : {exp(x), exp2(x), log(x + 104), sigmoid(x)}) values.push_back(y);
  }
  EXPECT_EQ(xxh3(std::as_bytes(std::span(values))), 14562751755899813170u);
  for (float& x : values) x = tanh(x);
  EXPECT_EQ(xxh3(std::as_bytes(std::span(values))), 5466519494525107160u);
}

}  // namespace
}  // namespace troupe
