#include "kernels/norm/rms_norm.h"

#include <gtest/gtest.h>

#include <cmath>

#include "tests/kernels/op_testing.h"

namespace troupe {
namespace {

const Attributes kAttributes = {.epsilon = 1e-3f};

DoubleFunction exact_rms_norm(int64_t hidden) {
  return [hidden](const std::vector<Doubles>& in) {
    Doubles y = in[0];
    for (size_t row = 0; row < y.size(); row += hidden) {
      double sum = 0;
      for (int64_t c = 0; c < hidden; ++c) sum += in[0][row + c] * in[0][row + c];
      const double scale = 1 / std::sqrt(sum / static_cast<double>(hidden) + 1e-3f);
      for (int64_t c = 0; c < hidden; ++c) y[row + c] *= scale * in[1][c];
    }
    return y;
  };
}

class RmsNormTest : public testing::TestWithParam<DType> {};

TEST_P(RmsNormTest, MatchesTheFormulaAndItsDerivatives) {
  for (int64_t hidden : {3, 15, 64, 100}) {
    for (int64_t tokens : {1, 5, 13}) {
      const std::vector<Values> inputs = {random_values({tokens, hidden}, GetParam(), 1, 2),
                                          random_values({hidden}, DType::f32, 2)};
      const Values dy = random_values({tokens, hidden}, GetParam(), 3);
      EagerGradients eager(rms_norm, inputs, kAttributes, {});
      const auto exact = exact_rms_norm(hidden);
      const std::vector<Doubles> in = {inputs[0].doubles(), inputs[1].doubles()};
      EXPECT_LT(relative_error(eager.outputs()[0], exact(in)), tolerance(GetParam()));
      const auto& gradients = eager.backward(rms_norm, {dy}, 0.5f);
      for (int i : {0, 1}) {
        auto expected = finite_differences(exact, in, i, dy.doubles());
        if (i == 1)
          for (double& x : expected) x += 0.5;
        EXPECT_LT(relative_error(gradients[i], expected), tolerance(GetParam())) << hidden;
      }
    }
  }
}

TEST_P(RmsNormTest, HasTheSameBitsInAnyBatchAndOnAnyNumberOfThreads) {
  const int64_t tokens = 200, hidden = 333;
  const std::vector<Values> inputs = {random_values({tokens, hidden}, GetParam(), 1),
                                      random_values({hidden}, DType::f32, 2)};
  const Values dy = random_values({tokens, hidden}, GetParam(), 3);
  EagerGradients alone(rms_norm, inputs, kAttributes, {});
  const auto& expected = alone.backward(rms_norm, {dy}, 1);
  for (int threads : {2, 3}) {
    ThreadPool pool(threads);
    EagerGradients eager(rms_norm, inputs, kAttributes, {.pool = &pool});
    const auto& gradients = eager.backward(rms_norm, {dy}, 1);
    EXPECT_EQ(eager.outputs()[0].bytes, alone.outputs()[0].bytes);
    EXPECT_EQ(gradients[0].bytes, expected[0].bytes);
    EXPECT_EQ(gradients[1].bytes, expected[1].bytes);
  }
  EagerGradients row(rms_norm, {inputs[0].rows(77, 78), inputs[1]}, kAttributes, {});
  EXPECT_EQ(row.outputs()[0].bytes, alone.outputs()[0].rows(77, 78).bytes);
  EXPECT_EQ(row.backward(rms_norm, {dy.rows(77, 78)})[0].bytes, expected[0].rows(77, 78).bytes);
}

// What sequence parallelism relies on: a half of the tokens is a half of the tree.
TEST_P(RmsNormTest, WeightGradientIsTheTreeOverEightTokenRanges) {
  const int64_t tokens = 24, hidden = 40;
  const Values x = random_values({tokens, hidden}, GetParam(), 1);
  const Values dy = random_values({tokens, hidden}, GetParam(), 2);
  const auto sum_of = [&](int64_t begin, int64_t end) {
    const Values zeros({hidden}, DType::f32);
    return run_op(rms_norm_weight_gradient, {x.rows(begin, end), dy.rows(begin, end)}, kAttributes,
                  {}, &zeros)[0];
  };
  std::vector<Values> ranges;  // 24 tokens: three each
  for (int r = 0; r < 8; ++r) {
    ranges.emplace_back(Shape{hidden}, DType::f32);
    for (int t = 3 * r; t < 3 * r + 3; ++t) {
      const double scale = 1 / std::sqrt([&] {
                             double sum = 0;
                             for (int c = 0; c < hidden; ++c)
                               sum += x.at(t * hidden + c) * x.at(t * hidden + c);
                             return sum / static_cast<double>(hidden) + 1e-3;
                           }());
      for (int c = 0; c < hidden; ++c)
        ranges[r].set(c, static_cast<float>(ranges[r].at(c) +
                                            dy.at(t * hidden + c) * x.at(t * hidden + c) * scale));
    }
  }
  Doubles expected(hidden);
  for (const auto& range : ranges)
    for (int c = 0; c < hidden; ++c) expected[c] += range.at(c);
  EXPECT_LT(relative_error(sum_of(0, tokens), expected), 1e-6);
  // 8 tokens are the 8 leaves: the tree of single tokens, bit for bit.
  for (int c = 0; c < hidden; ++c) {
    float leaf[8];
    for (int t = 0; t < 8; ++t) leaf[t] = static_cast<float>(sum_of(t, t + 1).at(c));
    const float tree =
        ((leaf[0] + leaf[1]) + (leaf[2] + leaf[3])) + ((leaf[4] + leaf[5]) + (leaf[6] + leaf[7]));
    ASSERT_EQ(static_cast<float>(sum_of(0, 8).at(c)), tree) << c;
  }
}

TEST(RmsNormShapeTest, NamesTheOpWhoseInputsDisagree) {
  try {
    infer_shapes(rms_norm, kAttributes, std::vector<Shape>{{3, 8}, {9}});
    FAIL();
  } catch (const Error& error) {
    EXPECT_NE(std::string(error.what()).find("rms_norm"), std::string::npos);
    EXPECT_NE(std::string(error.what()).find("expected = 8"), std::string::npos) << error.what();
  }
}

INSTANTIATE_TEST_SUITE_P(Types, RmsNormTest, testing::Values(DType::f32, DType::bf16),
                         [](const auto& info) { return std::string(name_of(info.param)); });

}  // namespace
}  // namespace troupe
