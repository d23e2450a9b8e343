#include <gtest/gtest.h>

#include <cmath>

#include "kernels/elementwise/add.h"
#include "kernels/elementwise/add_bias.h"
#include "kernels/elementwise/swiglu.h"
#include "tests/kernels/op_testing.h"

namespace troupe {
namespace {

struct Case {
  const OpDef* op;
  bool bias;  // the second input is a weight [c]
  DoubleFunction exact;
};

Doubles exact_add(const std::vector<Doubles>& in) {
  Doubles y = in[0];
  for (size_t i = 0; i < y.size(); ++i) y[i] += in[1][i % in[1].size()];
  return y;
}
Doubles exact_swiglu(const std::vector<Doubles>& in) {
  Doubles y = in[0];
  for (size_t i = 0; i < y.size(); ++i) y[i] *= in[1][i] / (1 + std::exp(-in[0][i]));
  return y;
}

class ElementwiseTest : public testing::TestWithParam<DType> {
 protected:
  const std::vector<Case> cases_ = {
      {&add_op, false, exact_add}, {&add_bias, true, exact_add}, {&swiglu, false, exact_swiglu}};
  std::vector<Values> inputs(const Case& one, int64_t tokens, int64_t columns) const {
    return {random_values({tokens, columns}, GetParam(), 1, 3),
            one.bias ? random_values({columns}, DType::f32, 2)
                     : random_values({tokens, columns}, GetParam(), 2)};
  }
};

TEST_P(ElementwiseTest, MatchesTheFormulaAndItsDerivatives) {
  for (const auto& one : cases_) {
    for (auto [tokens, columns] : {std::pair<int64_t, int64_t>{1, 1}, {3, 16}, {13, 37}}) {
      const auto in = inputs(one, tokens, columns);
      const Values dy = random_values({tokens, columns}, GetParam(), 3);
      EagerGradients eager(*one.op, in, {}, {});
      const std::vector<Doubles> exact_in = {in[0].doubles(), in[1].doubles()};
      EXPECT_LT(relative_error(eager.outputs()[0], one.exact(exact_in)), tolerance(GetParam()));
      const auto& gradients = eager.backward(*one.op, {dy});
      for (int i : {0, 1}) {
        const auto expected = finite_differences(one.exact, exact_in, i, dy.doubles());
        EXPECT_LT(relative_error(gradients[i], expected), tolerance(GetParam())) << one.op->name;
      }
    }
  }
}

TEST_P(ElementwiseTest, HasTheSameBitsInAnyBatchAndOnAnyNumberOfThreads) {
  for (const auto& one : cases_) {
    const auto in = inputs(one, 300, 129);
    const Values dy = random_values({300, 129}, GetParam(), 3);
    EagerGradients alone(*one.op, in, {}, {});
    const auto& expected = alone.backward(*one.op, {dy});
    for (int threads : {2, 3}) {
      ThreadPool pool(threads);
      EagerGradients eager(*one.op, in, {}, {.pool = &pool});
      const auto& gradients = eager.backward(*one.op, {dy});
      EXPECT_EQ(eager.outputs()[0].bytes, alone.outputs()[0].bytes) << one.op->name;
      for (int i : {0, 1}) EXPECT_EQ(gradients[i].bytes, expected[i].bytes) << one.op->name;
    }
    const Values second = one.bias ? in[1] : in[1].rows(41, 44);
    const auto part = run_op(*one.op, {in[0].rows(41, 44), second}, {}, {});
    EXPECT_EQ(part[0].bytes, alone.outputs()[0].rows(41, 44).bytes) << one.op->name;
  }
}

TEST_P(ElementwiseTest, GivesNoGradientToAnInputThatWantsNone) {
  for (const auto& one : cases_) {
    EagerGradients eager(*one.op, inputs(one, 2, 16), {}, {});
    eager.wanted = {true, false};
    const auto& gradients = eager.backward(*one.op, {random_values({2, 16}, GetParam(), 3)});
    EXPECT_FALSE(gradients[0].bytes.empty());
    EXPECT_TRUE(gradients[1].bytes.empty());
  }
}

TEST_P(ElementwiseTest, SwigluStaysFiniteFarOut) {
  Values gate({1, 4}, GetParam()), up({1, 4}, GetParam());
  for (int i = 0; i < 4; ++i) {
    gate.set(i, i % 2 ? 3e38f : -3e38f);
    up.set(i, 0.5f);
  }
  const auto y = run_op(swiglu, {gate, up}, {}, {})[0];
  EXPECT_EQ(y.at(0), 0);
  EXPECT_EQ(y.at(1), gate.at(1) / 2);
}

INSTANTIATE_TEST_SUITE_P(Types, ElementwiseTest, testing::Values(DType::f32, DType::bf16),
                         [](const auto& info) { return std::string(name_of(info.param)); });

}  // namespace
}  // namespace troupe
