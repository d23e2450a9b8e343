#include "kernels/loss/value_head.h"

#include <gtest/gtest.h>

#include "tests/kernels/op_testing.h"

namespace troupe {
namespace {

DoubleFunction exact_value_head(int64_t columns, int64_t outputs) {
  return [=](const std::vector<Doubles>& in) {
    Doubles y(in[0].size() / columns * outputs);
    for (size_t i = 0; i < y.size(); ++i)
      for (int64_t c = 0; c < columns; ++c)
        y[i] += in[0][i / outputs * columns + c] * in[1][i % outputs * columns + c];
    return y;
  };
}

class ValueHeadTest : public testing::TestWithParam<DType> {};

TEST_P(ValueHeadTest, MatchesTheFormulaAndItsDerivatives) {
  for (int64_t outputs : {1, 3}) {
    const std::vector<Values> inputs = {random_values({11, 37}, GetParam(), 1),
                                        random_values({outputs, 37}, DType::f32, 2)};
    const Values dy = random_values({11, outputs}, DType::f32, 3);
    const auto exact = exact_value_head(37, outputs);
    const std::vector<Doubles> in = {inputs[0].doubles(), inputs[1].doubles()};
    EagerGradients eager(value_head, inputs, {}, {});
    EXPECT_EQ(eager.outputs()[0].dtype, DType::f32);
    EXPECT_LT(relative_error(eager.outputs()[0], exact(in)), 2e-6);
    const auto& gradients = eager.backward(value_head, {dy});
    EXPECT_EQ(gradients[0].dtype, GetParam());
    for (int i : {0, 1})
      EXPECT_LT(relative_error(gradients[i], finite_differences(exact, in, i, dy.doubles())),
                tolerance(GetParam()));
  }
}

TEST_P(ValueHeadTest, HasTheSameBitsOnAnyNumberOfThreadsAndInMicroBatches) {
  const std::vector<Values> inputs = {random_values({300, 200}, GetParam(), 1),
                                      random_values({1, 200}, DType::f32, 2)};
  const Values dy = random_values({300, 1}, DType::f32, 3);
  EagerGradients alone(value_head, inputs, {}, {});
  const auto& expected = alone.backward(value_head, {dy});
  ThreadPool pool(3);
  EagerGradients eager(value_head, inputs, {}, {.pool = &pool});
  EXPECT_EQ(eager.outputs()[0].bytes, alone.outputs()[0].bytes);
  const auto& gradients = eager.backward(value_head, {dy});
  for (int i : {0, 1}) EXPECT_EQ(gradients[i].bytes, expected[i].bytes);

  Values sum({1, 200}, DType::f32);
  for (auto [begin, end] : {std::pair<int64_t, int64_t>{0, 101}, {101, 300}})
    sum = run_op(value_head_weight_gradient, {inputs[0].rows(begin, end), dy.rows(begin, end)}, {},
                 {}, &sum)[0];
  EXPECT_EQ(sum.bytes, expected[1].bytes);
}

INSTANTIATE_TEST_SUITE_P(Types, ValueHeadTest, testing::Values(DType::f32, DType::bf16),
                         [](const auto& info) { return std::string(name_of(info.param)); });

}  // namespace
}  // namespace troupe
