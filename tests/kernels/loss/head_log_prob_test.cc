#include "kernels/loss/head_log_prob.h"

#include <gtest/gtest.h>

#include <cmath>

#include "kernels/loss/log_softmax.h"
#include "tests/kernels/loss/head_case.h"

namespace troupe {
namespace {

using namespace head_case;

class HeadLogProbTest : public testing::TestWithParam<DType> {};

TEST_P(HeadLogProbTest, MatchesTheFormulaAndItsDerivatives) {
  Problem p(17, 12, 53, GetParam());
  const auto exact = exact_head(p.hidden, p.vocab, p.targets);
  const std::vector<Doubles> in = {p.inputs[0].doubles(), p.inputs[1].doubles()};
  auto eager = p.eager();
  const Doubles expected = exact(in);
  for (int output : {0, 1}) {
    const Doubles part(expected.begin() + output * 17, expected.begin() + (output + 1) * 17);
    EXPECT_LT(relative_error(eager.outputs()[output], part), 2e-6) << output;
  }
  Doubles dy = p.d_log_prob.doubles();
  for (double d : p.d_entropy.doubles()) dy.push_back(d);
  const auto& gradients =
      eager.backward(head_log_prob, {p.d_log_prob, p.d_entropy, Values()}, 0.125f);
  Doubles d_weight = finite_differences(exact, in, 1, dy);
  for (double& x : d_weight) x += 0.125;
  EXPECT_LT(relative_error(gradients[0], finite_differences(exact, in, 0, dy)),
            tolerance(GetParam()));
  EXPECT_LT(relative_error(gradients[1], d_weight), tolerance(GetParam()));
}

TEST_P(HeadLogProbTest, TakesEitherGradientAlone) {
  Problem p(9, 16, 40, GetParam());
  const auto exact = exact_head(p.hidden, p.vocab, p.targets);
  const std::vector<Doubles> in = {p.inputs[0].doubles(), p.inputs[1].doubles()};
  for (bool entropy : {false, true}) {
    Doubles dy(18);
    for (int t = 0; t < 9; ++t) dy[entropy * 9 + t] = (entropy ? p.d_entropy : p.d_log_prob).at(t);
    auto eager = p.eager();
    const auto& gradients = eager.backward(
        head_log_prob,
        {entropy ? Values() : p.d_log_prob, entropy ? p.d_entropy : Values(), Values()});
    EXPECT_LT(relative_error(gradients[0], finite_differences(exact, in, 0, dy)),
              tolerance(GetParam()));
    EXPECT_LT(relative_error(gradients[1], finite_differences(exact, in, 1, dy)),
              tolerance(GetParam()));
  }
}

TEST_P(HeadLogProbTest, HasTheSameBitsInAnyBatchAndOnAnyNumberOfThreads) {
  const int64_t tokens = 90, hidden = 48, vocab = 1500;
  Problem alone(tokens, hidden, vocab, GetParam());
  auto eager = alone.eager();
  const auto expected =
      eager.backward(head_log_prob, {alone.d_log_prob, alone.d_entropy, Values()});
  for (int threads : {2, 3}) {
    Problem p(tokens, hidden, vocab, GetParam(), threads);
    auto other = p.eager();
    for (int i : {0, 1, 2}) EXPECT_EQ(other.outputs()[i].bytes, eager.outputs()[i].bytes);
    const auto& gradients = other.backward(head_log_prob, {p.d_log_prob, p.d_entropy, Values()});
    for (int i : {0, 1}) EXPECT_EQ(gradients[i].bytes, expected[i].bytes);
  }
  Problem one(tokens, hidden, vocab, GetParam());
  one.inputs[0] = one.inputs[0].rows(31, 32);
  one.inputs[2] = integer_values({alone.targets[31]});
  one.d_log_prob = Values({1}, DType::f32), one.d_entropy = Values({1}, DType::f32);
  one.d_log_prob.set(0, static_cast<float>(alone.d_log_prob.at(31)));
  one.d_entropy.set(0, static_cast<float>(alone.d_entropy.at(31)));
  auto row = one.eager();
  EXPECT_EQ(row.outputs()[0].as<float>()[0], eager.outputs()[0].as<float>()[31]);
  EXPECT_EQ(row.outputs()[1].as<float>()[0], eager.outputs()[1].as<float>()[31]);
  const auto& d_row = row.backward(head_log_prob, {one.d_log_prob, one.d_entropy, Values()});
  EXPECT_EQ(d_row[0].bytes, expected[0].rows(31, 32).bytes);
}

TEST_P(HeadLogProbTest, IsBitEqualToTheLogProbOfLogits) {
  Problem p(30, 64, 3000, GetParam(), 2);
  const auto outputs = run_op(head_log_prob, p.inputs, p.attributes, {.pool = &p.pool});
  Values logits({30, 3000}, DType::f32);
  matmul(p.inputs[0].tensor(), p.packed, logits.tensor(), 1, p.pool);
  for (int64_t t = 0; t < 30; ++t) {
    if (p.targets[t] < 0) continue;
    const float* row = logits.as<float>() + t * 3000;
    const auto statistics = log_softmax_statistics(row, 3000, kTemperature);
    EXPECT_EQ(outputs[0].as<float>()[t], log_prob_of(row, p.targets[t], kTemperature, statistics));
    EXPECT_EQ(outputs[1].as<float>()[t], statistics.entropy);
  }
}

TEST_P(HeadLogProbTest, GivesZerosWhereThereIsNoTarget) {
  Problem p(6, 8, 20, GetParam());
  auto eager = p.eager();
  const auto& gradients = eager.backward(head_log_prob, {p.d_log_prob, p.d_entropy, Values()});
  for (int output : {0, 1, 2}) EXPECT_EQ(eager.outputs()[output].at(1), 0);
  for (int c = 0; c < 8; ++c) EXPECT_EQ(gradients[0].at(8 + c), 0);
}

// Twice the logits at temperature 2 are the logits at temperature 1, where nothing is divided.
TEST_P(HeadLogProbTest, ATemperatureOfOneHasTheBitsOfADivision) {
  Problem one(17, 12, 53, GetParam()), two(17, 12, 53, GetParam());
  one.attributes.temperature = 1;
  two.attributes.temperature = 2;
  for (int64_t i = 0; i < num_elements(two.inputs[1].shape); ++i)
    two.inputs[1].set(i, static_cast<float>(2 * two.inputs[1].at(i)));
  GetParam() == DType::f32 ? two.packed.pack(two.inputs[1].as<float>(), two.pool)
                           : two.packed.pack(two.inputs[1].as<Bf16>(), two.pool);
  auto expected = two.eager(), found = one.eager();
  for (int i : {0, 1, 2}) EXPECT_EQ(found.outputs()[i].bytes, expected.outputs()[i].bytes);
  const auto& d_two = expected.backward(head_log_prob, {two.d_log_prob, two.d_entropy, Values()});
  const auto& d_one = found.backward(head_log_prob, {one.d_log_prob, one.d_entropy, Values()});
  EXPECT_EQ(d_one[0].bytes, d_two[0].bytes);
}

TEST_P(HeadLogProbTest, RefusesATargetBeyondTheVocabulary) {
  Problem p(6, 8, 20, GetParam());
  p.inputs[2].as<int32_t>()[3] = 20;
  EXPECT_THROW(p.eager(), Error);
}

TEST(LogSoftmaxTest, LosesNothingInALongRowOfSmallTerms) {
  std::vector<float> logits(131072, -16);
  logits[5] = 0;
  const double tail = 131071 * std::exp(-16.0), log_sum = std::log1p(tail);
  const auto statistics = log_softmax_statistics(logits.data(), 131072, 1);
  EXPECT_EQ(statistics.max, 0);
  EXPECT_NEAR(statistics.log_sum_exp, log_sum, 5e-7);
  EXPECT_NEAR(statistics.entropy, log_sum + 16 * tail / (1 + tail), 5e-7);
}

TEST(LogSoftmaxTest, HoldsForLargeLogitsAndOddSizes) {
  for (int64_t size : {1, 2, 17, 1023, 1025}) {
    std::vector<float> logits(size, 1e4f);
    const auto statistics = log_softmax_statistics(logits.data(), size, 2);
    EXPECT_NEAR(log_prob_of(logits.data(), 0, 2, statistics), -std::log(size), 1e-3);
    EXPECT_NEAR(statistics.entropy, std::log(size), 1e-5);
  }
}

INSTANTIATE_TEST_SUITE_P(Types, HeadLogProbTest, testing::Values(DType::f32, DType::bf16),
                         [](const auto& info) { return std::string(name_of(info.param)); });

}  // namespace
}  // namespace troupe
