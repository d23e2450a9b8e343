#include "kernels/elementwise/gelu.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <tuple>

#include "tests/kernels/op_testing.h"

namespace troupe {
namespace {

double exact_gelu(double x) {
  return x * std::erfc(-x / std::sqrt(2.0)) / 2;
}
double exact_gelu_tanh(double x) {
  const double u = std::sqrt(2 / M_PI) * (x + 0.044715 * x * x * x);
  return x / (1 + std::exp(-2 * u));
}

struct Form {
  const OpDef* op;
  double (*exact)(double);
};
const Form kForms[] = {{&gelu, exact_gelu}, {&gelu_tanh, exact_gelu_tanh}};

DoubleFunction exact_of(const Form& form) {
  return [&form](const std::vector<Doubles>& in) {
    Doubles y = in[0];
    for (double& x : y) x = form.exact(x);
    return y;
  };
}

class GeluTest : public testing::TestWithParam<std::tuple<int, DType>> {
 protected:
  const Form& form() const { return kForms[std::get<0>(GetParam())]; }
  DType dtype() const { return std::get<1>(GetParam()); }
};

TEST_P(GeluTest, MatchesTheFormulaAndItsDerivative) {
  for (auto [tokens, columns] : {std::pair<int64_t, int64_t>{1, 1}, {3, 16}, {13, 37}}) {
    const Values x = random_values({tokens, columns}, dtype(), 1, 4);
    const Values dy = random_values({tokens, columns}, dtype(), 2);
    EagerGradients eager(*form().op, {x}, {}, {});
    const auto exact = exact_of(form());
    EXPECT_LT(relative_error(eager.outputs()[0], exact({x.doubles()})), tolerance(dtype()));
    const auto expected = finite_differences(exact, {x.doubles()}, 0, dy.doubles());
    EXPECT_LT(relative_error(eager.backward(*form().op, {dy})[0], expected), tolerance(dtype()));
  }
}

// Each value by itself, so that the tail below 0 counts as much as the rest.
TEST_P(GeluTest, HoldsInTheTail) {
  if (dtype() == DType::bf16) return;
  Values x({1, 2001}, DType::f32);
  for (int i = 0; i <= 2000; ++i) x.set(i, static_cast<float>(i - 1000) * 0.012f);
  const auto y = run_op(*form().op, {x}, {}, {})[0];
  for (int i = 0; i <= 2000; ++i) {
    const double expected = form().exact(x.at(i));
    ASSERT_NEAR(y.at(i), expected, 1e-5 * std::abs(expected) + 1e-37) << x.at(i);
  }
}

TEST_P(GeluTest, HasTheSameBitsInAnyBatchAndOnAnyNumberOfThreads) {
  const Values x = random_values({300, 129}, dtype(), 1, 4);
  const Values dy = random_values({300, 129}, dtype(), 2);
  EagerGradients alone(*form().op, {x}, {}, {});
  const auto& expected = alone.backward(*form().op, {dy});
  for (int threads : {2, 3}) {
    ThreadPool pool(threads);
    EagerGradients eager(*form().op, {x}, {}, {.pool = &pool});
    EXPECT_EQ(eager.outputs()[0].bytes, alone.outputs()[0].bytes);
    EXPECT_EQ(eager.backward(*form().op, {dy})[0].bytes, expected[0].bytes);
  }
  const auto part = run_op(*form().op, {x.rows(41, 44)}, {}, {});
  EXPECT_EQ(part[0].bytes, alone.outputs()[0].rows(41, 44).bytes);
}

TEST_P(GeluTest, GoesToZeroAndToXFarOutAndKeepsANaN) {
  constexpr float kFar = 3e38f;
  Values x({1, 3}, dtype()), dy({1, 3}, dtype());
  x.set(0, -kFar), x.set(1, kFar), x.set(2, std::numeric_limits<float>::quiet_NaN());
  for (int i = 0; i < 3; ++i) dy.set(i, 2);
  EagerGradients eager(*form().op, {x}, {}, {});
  const auto& y = eager.outputs()[0];
  const auto& dx = eager.backward(*form().op, {dy})[0];
  EXPECT_EQ(y.at(0), 0);
  EXPECT_EQ(y.at(1), x.at(1));
  EXPECT_TRUE(std::isnan(y.at(2)));
  EXPECT_EQ(dx.at(0), 0);
  EXPECT_EQ(dx.at(1), 2);
  EXPECT_TRUE(std::isnan(dx.at(2)));
}

INSTANTIATE_TEST_SUITE_P(Forms, GeluTest,
                         testing::Combine(testing::Values(0, 1),
                                          testing::Values(DType::f32, DType::bf16)),
                         [](const auto& info) {
                           return std::string(kForms[std::get<0>(info.param)].op->name) + "_" +
                                  std::string(name_of(std::get<1>(info.param)));
                         });

}  // namespace
}  // namespace troupe
