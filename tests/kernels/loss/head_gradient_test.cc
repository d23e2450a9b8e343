#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>

#include "tests/kernels/loss/head_case.h"

namespace troupe {
namespace {

using namespace head_case;

class HeadGradientTest : public testing::TestWithParam<DType> {};

// In one visit: the loss is told what two visits' forward gives, and the gradients have its bits.
// With vocabularies that make chunks of 32 tokens, and tokens to which the loss gives no gradient.
TEST_P(HeadGradientTest, AsksForTheLossInTheVisitThatMakesTheLogProb) {
  for (const int64_t vocab : {int64_t{53}, int64_t{1} << 19}) {
    for (const bool none_takes_part : {false, true}) {
      Problem p(75, 12, vocab, GetParam(), 2);
      if (none_takes_part) std::ranges::fill(p.targets, -1);
      p.inputs[2] = integer_values(p.targets);
      auto twice = p.eager();
      std::vector<float> log_prob, entropy;
      const TokenLoss loss = [&](const TokenLossArgs& args) {
        if (args.first == 0) log_prob.clear(), entropy.clear();
        EXPECT_EQ(args.first, std::ssize(log_prob));
        log_prob.insert(log_prob.end(), args.log_prob.begin(), args.log_prob.end());
        entropy.insert(entropy.end(), args.entropy.begin(), args.entropy.end());
        for (size_t i = 0; i < args.log_prob.size(); ++i) {
          args.d_log_prob[i] = static_cast<float>(p.d_log_prob.at(args.first + i));
          args.d_entropy[i] = static_cast<float>(p.d_entropy.at(args.first + i));
        }
      };
      const KernelContext context = {.pool = &p.pool, .token_loss = &loss};
      Values nothing({vocab, 12}, DType::f32);
      nothing.set(0, NAN);
      const auto once = run_op(head_loss_gradient, p.inputs, p.attributes, context, &nothing);
      const auto* expected = twice.outputs()[0].as<float>();
      EXPECT_EQ(log_prob, std::vector<float>(expected, expected + 75));
      expected = twice.outputs()[1].as<float>();
      EXPECT_EQ(entropy, std::vector<float>(expected, expected + 75));
      const auto& gradients =
          twice.backward(head_log_prob, {p.d_log_prob, p.d_entropy, Values()}, 0);
      EXPECT_EQ(once[0].bytes, gradients[0].bytes);
      // Left-out tokens end bf16's groups of tokens earlier: another grouping, not another sum.
      if (GetParam() == DType::f32 || vocab == 53)
        EXPECT_EQ(once[1].bytes, gradients[1].bytes);
      else
        EXPECT_LT(relative_error(once[1], gradients[1].doubles()), 1e-6);
      const auto frozen = run_op(head_loss_input_gradient, p.inputs, p.attributes, context);
      EXPECT_EQ(frozen[0].bytes, once[0].bytes);
    }
  }
}

TEST_P(HeadGradientTest, StartsTheWeightsGradientAsItAddsOntoZeros) {
  const int64_t vocab = int64_t{1} << 19;  // 32 rows are a chunk
  for (const bool none_takes_part : {false, true}) {
    Problem p(none_takes_part ? 6 : 40, 4, none_takes_part ? 20 : vocab, GetParam());
    if (none_takes_part) std::fill_n(p.inputs[2].as<int32_t>(), 6, -1);
    auto zeros = p.eager(), nothing = p.eager();
    const auto& expected = zeros.backward(head_log_prob, {p.d_log_prob, p.d_entropy, Values()}, 0);
    const auto& found = nothing.backward(head_log_prob, {p.d_log_prob, p.d_entropy, Values()}, NAN);
    EXPECT_EQ(found[1].bytes, expected[1].bytes);
  }
}

TEST_P(HeadGradientTest, LeavesAFrozenWeightAlone) {
  Problem p(6, 8, 20, GetParam());
  auto trained = p.eager(), frozen = p.eager();
  const auto& expected = trained.backward(head_log_prob, {p.d_log_prob, p.d_entropy, Values()});
  frozen.wanted = {true, false, false};
  const auto& gradients = frozen.backward(head_log_prob, {p.d_log_prob, p.d_entropy, Values()});
  EXPECT_EQ(gradients[0].bytes, expected[0].bytes);
  EXPECT_TRUE(gradients[1].bytes.empty());
}

// d_hidden = d_log_prob (W[target] - sum_v p_v W[v]) / temperature, where one p is near 1 and the
// sum of 65535 others matters: added one by one to the large one they would be lost.
TEST(HeadGradientOfManyTest, SmallProbabilitiesOfALargeVocabularyAreNotLost) {
  const int64_t hidden = 16, vocab = int64_t{1} << 16, likely = 5;
  Problem p(3, hidden, vocab, DType::f32, 2);
  for (int64_t i = 0; i < vocab * hidden; ++i)
    p.inputs[1].set(i, (i / hidden == likely ? 1.2f : 0.5f) + 0.1f * p.inputs[1].as<float>()[i]);
  for (int64_t i = 0; i < 3 * hidden; ++i) p.inputs[0].set(i, 0.5f);
  p.packed.pack(p.inputs[1].as<float>(), p.pool);
  Values d_log_prob({3}, DType::f32);
  d_log_prob.set(2, 1);
  auto eager = p.eager();
  const auto d_hidden =
      eager.backward(head_log_prob, {d_log_prob, Values(), Values()})[0].doubles();
  const Doubles w = p.inputs[1].doubles();
  Doubles weights(vocab), expected(hidden);
  double sum = 0;
  for (int64_t v = 0; v < vocab; ++v) {
    for (int64_t c = 0; c < hidden; ++c) weights[v] += 0.5 * w[v * hidden + c] / kTemperature;
    sum += weights[v] = std::exp(weights[v]);
  }
  ASSERT_GT(weights[likely] / sum, 1e-3);
  for (int64_t v = 0; v < vocab; ++v)
    for (int64_t c = 0; c < hidden; ++c)
      expected[c] += ((v == p.targets[2]) - weights[v] / sum) * w[v * hidden + c] / kTemperature;
  for (int64_t c = 0; c < hidden; ++c)
    EXPECT_NEAR(d_hidden[2 * hidden + c], expected[c], 3e-5 * std::abs(expected[c])) << c;
}

INSTANTIATE_TEST_SUITE_P(Types, HeadGradientTest, testing::Values(DType::f32, DType::bf16),
                         [](const auto& info) { return std::string(name_of(info.param)); });

}  // namespace
}  // namespace troupe
