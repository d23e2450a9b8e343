#include "kernels/loss/head_log_prob.h"

#include <gtest/gtest.h>

#include <cmath>

#include "kernels/loss/log_softmax.h"
#include "kernels/matmul/matmul.h"
#include "tests/kernels/op_testing.h"

namespace troupe {
namespace {

constexpr float kTemperature = 0.7f;

// log_prob, then entropy, of every token: in double, from hidden, W.
DoubleFunction exact_head(int64_t hidden, int64_t vocab, const std::vector<int32_t>& targets) {
  return [=](const std::vector<Doubles>& in) {
    const size_t tokens = targets.size();
    Doubles y(2 * tokens);
    for (size_t t = 0; t < tokens; ++t) {
      if (targets[t] < 0) continue;
      Doubles z(vocab);
      for (int64_t v = 0; v < vocab; ++v) {
        for (int64_t c = 0; c < hidden; ++c) z[v] += in[0][t * hidden + c] * in[1][v * hidden + c];
        z[v] /= kTemperature;
      }
      double sum = 0, entropy = 0;
      for (double x : z) sum += std::exp(x);
      for (double x : z) entropy -= std::exp(x) / sum * (x - std::log(sum));
      y[t] = z[targets[t]] - std::log(sum);
      y[tokens + t] = entropy;
    }
    return y;
  };
}

struct Problem {
  int64_t hidden, vocab;
  std::vector<int32_t> targets;
  DType dtype;
  ThreadPool pool;
  PackedWeight packed;
  std::vector<Values> inputs;
  Values d_log_prob, d_entropy;
  Attributes attributes = {.temperature = kTemperature};

  Problem(int64_t tokens, int64_t hidden_, int64_t vocab_, DType dtype_, int threads = 1)
      : hidden(hidden_), vocab(vocab_), dtype(dtype_), pool(threads), packed(vocab, hidden, dtype) {
    for (int64_t t = 0; t < tokens; ++t)
      targets.push_back(t % 4 == 1 ? -1 : static_cast<int32_t>((t * 7 + 3) % vocab));
    inputs = {random_values({tokens, hidden}, dtype, 1),
              random_values({vocab, hidden}, dtype, 2, 0.3f), integer_values(targets)};
    dtype == DType::f32 ? packed.pack(inputs[1].as<float>(), pool)
                        : packed.pack(inputs[1].as<Bf16>(), pool);
    inputs[1].packed = &packed;
    d_log_prob = random_values({tokens}, DType::f32, 3);
    d_entropy = random_values({tokens}, DType::f32, 4);
    for (int64_t t = 0; t < tokens; ++t) {
      if (t % 3 == 0) d_entropy.set(t, 0);
      if (t % 5 == 0) d_log_prob.set(t, 0);  // t % 15 == 0: skipped
    }
  }
  EagerGradients eager() { return {head_log_prob, inputs, attributes, {.pool = &pool}}; }
};

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

// 32 rows are a chunk here, so that the weight's gradient is added in several parts.
TEST_P(HeadLogProbTest, ChunksChangeNoBit) {
  const int64_t tokens = 80, hidden = 16, vocab = int64_t{1} << 19;
  Problem p(tokens, hidden, vocab, GetParam(), 2);
  auto eager = p.eager();
  const auto gradients = eager.backward(head_log_prob, {p.d_log_prob, Values(), Values()});
  // The same in two packs, cut where a chunk ends.
  int64_t cut = 0;
  for (int count = 0; count < 32; ++cut) count += p.targets[cut] >= 0 && p.d_log_prob.at(cut) != 0;
  Values sum({vocab, hidden}, DType::f32);
  std::vector<std::byte> d_hidden;
  for (auto [begin, end] : {std::pair{int64_t{0}, cut}, {cut, tokens}}) {
    const std::vector<Values> inputs = {
        p.inputs[0].rows(begin, end), p.inputs[1],
        integer_values({p.targets.begin() + begin, p.targets.begin() + end})};
    const auto outputs = run_op(head_log_prob, inputs, p.attributes, {.pool = &p.pool});
    Values d({end - begin}, DType::f32);
    for (int64_t t = begin; t < end; ++t) d.set(t - begin, static_cast<float>(p.d_log_prob.at(t)));
    const auto part = run_op(head_log_prob_gradient,
                             {inputs[0], inputs[1], inputs[2], outputs[1], outputs[2], d, Values()},
                             p.attributes, {.pool = &p.pool}, &sum);
    sum = part[1];
    d_hidden.insert(d_hidden.end(), part[0].bytes.begin(), part[0].bytes.end());
  }
  EXPECT_EQ(d_hidden, gradients[0].bytes);
  EXPECT_EQ(sum.bytes, gradients[1].bytes);
}

// d_hidden = d_log_prob (W[target] - sum_v p_v W[v]) / temperature, where one p is near 1 and the
// sum of 65535 others matters: added one by one to the large one they would be lost.
TEST(HeadLogProbGradientTest, SmallProbabilitiesOfALargeVocabularyAreNotLost) {
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

// In one visit: the loss is told what two visits' forward gives, and the gradients have its bits.
// With vocabularies that make chunks of 32 tokens, and tokens to which the loss gives no gradient.
TEST_P(HeadLogProbTest, AsksForTheLossInTheVisitThatMakesTheLogProb) {
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

TEST_P(HeadLogProbTest, StartsTheWeightsGradientAsItAddsOntoZeros) {
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

TEST_P(HeadLogProbTest, LeavesAFrozenWeightAlone) {
  Problem p(6, 8, 20, GetParam());
  auto trained = p.eager(), frozen = p.eager();
  const auto& expected = trained.backward(head_log_prob, {p.d_log_prob, p.d_entropy, Values()});
  frozen.wanted = {true, false, false};
  const auto& gradients = frozen.backward(head_log_prob, {p.d_log_prob, p.d_entropy, Values()});
  EXPECT_EQ(gradients[0].bytes, expected[0].bytes);
  EXPECT_TRUE(gradients[1].bytes.empty());
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
