#include "kernels/math.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <span>
#include <vector>

#include "base/hash.h"

namespace troupe {
namespace {

using Lanes = Vec (*)(Vec);
using Exact = long double (*)(long double);

// Distance in units of the last place of the exact value.
double ulps(float got, long double exact) {
  if (std::fabs(exact) > 3.4028235e38L) return std::isinf(got) ? 0 : 1e9;
  const int exponent = std::max(std::ilogb(exact == 0 ? 1e-300L : exact), -126);
  return static_cast<double>(std::fabs(got - exact) * std::exp2(23.0L - exponent));
}

double worst_ulps(Lanes lanes, Exact exact, float begin, float end, int64_t count) {
  double worst = 0;
  for (int64_t i = 0; i < count; i += kLanes) {
    float x[kLanes], y[kLanes];
    for (int l = 0; l < kLanes; ++l)
      x[l] = begin + static_cast<float>((i + l) / static_cast<double>(count)) * (end - begin);
    store(y, lanes(load(x)));
    for (int l = 0; l < kLanes; ++l) worst = std::max(worst, ulps(y[l], exact(x[l])));
  }
  return worst;
}

constexpr int64_t kMillion = 1'000'000;

TEST(MathTest, ExpIsWithinOneUlp) {
  const Exact exact = [](long double x) { return std::exp(x); };
  EXPECT_LT(worst_ulps([](Vec x) { return exp(x); }, exact, -87.3f, 88.72f, 2 * kMillion), 1.0);
  EXPECT_LT(worst_ulps([](Vec x) { return exp(x); }, exact, -1, 1, kMillion), 1.0);
  EXPECT_LT(worst_ulps([](Vec x) { return exp(x); }, exact, -120, -87.3f, kMillion), 1.0);
  EXPECT_LT(worst_ulps([](Vec x) { return exp(x); }, exact, 88.72f, 200, kMillion / 10), 1.0);
}

TEST(MathTest, Exp2IsWithinOneUlp) {
  const Exact exact = [](long double x) { return std::exp2(x); };
  EXPECT_LT(worst_ulps([](Vec x) { return exp2(x); }, exact, -160, 130, 2 * kMillion), 1.0);
  EXPECT_LT(worst_ulps([](Vec x) { return exp2(x); }, exact, -1, 1, kMillion), 1.0);
}

TEST(MathTest, LogIsWithinOneUlp) {
  const Exact exact = [](long double x) { return std::log(x); };
  EXPECT_LT(worst_ulps([](Vec x) { return log(x); }, exact, 0.25f, 4, 2 * kMillion), 1.0);
  EXPECT_LT(worst_ulps([](Vec x) { return log(x); }, exact, 1, 60000, kMillion), 1.0);
  EXPECT_LT(worst_ulps([](Vec x) { return log(x); }, exact, 1e-44f, 1e-37f, kMillion), 1.0);
  EXPECT_LT(worst_ulps([](Vec x) { return log(x); }, exact, 1e30f, 3.4e38f, kMillion), 1.0);
}

TEST(MathTest, SigmoidIsWithinTwoAndAHalfUlps) {
  const Exact exact = [](long double x) { return 1 / (1 + std::exp(-x)); };
  EXPECT_LT(worst_ulps([](Vec x) { return sigmoid(x); }, exact, -100, 100, 2 * kMillion), 2.5);
  EXPECT_LT(worst_ulps([](Vec x) { return sigmoid(x); }, exact, -2, 2, kMillion), 2.5);
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
  EXPECT_EQ(lane(sigmoid(set1(-infinity)), 0), 0);
  EXPECT_EQ(lane(sigmoid(set1(infinity)), 0), 1);
}

TEST(MathTest, GivesTheSameBitsOnEveryInstructionSet) {
  std::vector<float> values;
  for (int i = 0; i < 100000; ++i) {
    const float x = -104 + static_cast<float>(i) * 0.00193f;
    for (Vec v : {exp(set1(x)), exp2(set1(x)), log(set1(x + 104)), sigmoid(set1(x))})
      values.push_back(lane(v, 0));
  }
  EXPECT_EQ(xxh3(std::as_bytes(std::span(values))), 14562751755899813170u);
}

TEST(MathTest, SineAndCosineHoldToAMillion) {
  double worst = 0;
  for (int64_t i = 0; i < kMillion; ++i) {
    const double x = (i % 2 ? 1e6 : 50.0) * std::sin(static_cast<double>(i));
    const auto got = sine_cosine(x);
    worst = std::max(worst, static_cast<double>(std::fabs(got.sine - std::sin((long double)x))));
    worst = std::max(worst, static_cast<double>(std::fabs(got.cosine - std::cos((long double)x))));
  }
  EXPECT_LT(worst, 1e-12);
  EXPECT_EQ(sine_cosine(0).sine, 0);
  EXPECT_EQ(sine_cosine(0).cosine, 1);
}

TEST(MathTest, PowerLogAndExponentialHoldInDouble) {
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
