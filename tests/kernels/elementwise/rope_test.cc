#include "kernels/elementwise/rope.h"

#include <gtest/gtest.h>

#include <cmath>

#include "kernels/elementwise/rope_frequencies.h"
#include "tests/kernels/op_testing.h"

namespace troupe {
namespace {

Attributes attributes_of(int heads, int head_dim) {
  return {.num_attention_heads = heads,
          .head_dim = head_dim,
          .inverse_frequencies = std::make_shared<const std::vector<float>>(
              default_rope_frequencies(head_dim, 10000))};
}

// One head after another: (x_i, x_{i + d/2}) turned by the position's angle.
DoubleFunction exact_rope(const Pack& pack, const Attributes& attributes) {
  return [&](const std::vector<Doubles>& in) {
    const int half = attributes.head_dim / 2;
    Doubles y = in[0];
    for (size_t at = 0; at < y.size(); at += attributes.head_dim) {
      const int position =
          pack.positions[at / (attributes.head_dim * attributes.num_attention_heads)];
      for (int i = 0; i < half; ++i) {
        const double angle = double{(*attributes.inverse_frequencies)[i]} * position;
        const double a = in[0][at + i], b = in[0][at + half + i];
        y[at + i] = a * std::cos(angle) - b * std::sin(angle);
        y[at + half + i] = b * std::cos(angle) + a * std::sin(angle);
      }
    }
    return y;
  };
}

class RopeTest : public testing::TestWithParam<DType> {};

TEST_P(RopeTest, MatchesTheFormulaAndItsDerivative) {
  for (int head_dim : {2, 16, 48}) {
    const Attributes attributes = attributes_of(3, head_dim);
    const Pack pack = random_pack({2, 1, 6}, 10);
    const Values x = random_values({9, 3 * head_dim}, GetParam(), 1);
    const Values dy = random_values({9, 3 * head_dim}, GetParam(), 2);
    const auto exact = exact_rope(pack, attributes);
    EagerGradients eager(rope, {x}, attributes, {.pack = &pack});
    EXPECT_LT(relative_error(eager.outputs()[0], exact({x.doubles()})), tolerance(GetParam()));
    const auto expected = finite_differences(exact, {x.doubles()}, 0, dy.doubles());
    EXPECT_LT(relative_error(eager.backward(rope, {dy})[0], expected), tolerance(GetParam()));
  }
}

TEST_P(RopeTest, HasTheSameBitsInAnyBatchAndOnAnyNumberOfThreads) {
  const Attributes attributes = attributes_of(4, 64);
  const Pack pack = random_pack({150, 70}, 10);
  const Values x = random_values({220, 256}, GetParam(), 1);
  const auto alone = run_op(rope, {x}, attributes, {.pack = &pack})[0];
  for (int threads : {2, 3}) {
    ThreadPool pool(threads);
    EXPECT_EQ(run_op(rope, {x}, attributes, {.pool = &pool, .pack = &pack})[0].bytes, alone.bytes);
  }
  Pack one;  // a decoding step: position 120 of the first sequence
  one.token_ids = {3}, one.positions = {120}, one.sequence_starts = {0, 1};
  EXPECT_EQ(run_op(rope, {x.rows(120, 121)}, attributes, {.pack = &one})[0].bytes,
            alone.rows(120, 121).bytes);
}

TEST(RopeErrorTest, RefusesAWidthThatIsNotHeadsTimesHeadDim) {
  const Pack pack = random_pack({2}, 10);
  EXPECT_THROW(
      run_op(rope, {random_values({2, 40}, DType::f32, 1)}, attributes_of(2, 16), {.pack = &pack}),
      Error);
}

TEST(RopeFrequenciesTest, AreThePowersOfThePublishedFormula) {
  const auto plain = default_rope_frequencies(64, 500000),
             half = linear_rope_frequencies(64, 500000, 2);
  ASSERT_EQ(plain.size(), 32u);
  for (int i = 0; i < 32; ++i) {
    EXPECT_FLOAT_EQ(plain[i], static_cast<float>(std::pow(500000.0, -2.0 * i / 64)));
    EXPECT_EQ(half[i], plain[i] / 2);
  }
}

TEST(RopeFrequenciesTest, Llama3KeepsShortWavesAndStretchesLongOnes) {
  const Llama3RopeScaling scaling = {8, 1, 4, 8192};
  const auto plain = default_rope_frequencies(128, 500000);
  const auto scaled = llama3_rope_frequencies(128, 500000, scaling);
  int blended = 0;
  for (int i = 0; i < 64; ++i) {
    const double wavelength = 2 * 3.14159265358979 / plain[i];
    if (wavelength < 8192.0 / 4) {
      EXPECT_EQ(scaled[i], plain[i]);
    } else if (wavelength > 8192.0) {
      EXPECT_EQ(scaled[i], plain[i] / 8);
    } else {
      const double smooth = (8192 / wavelength - 1) / 3;
      EXPECT_NEAR(scaled[i] / ((1 - smooth) * plain[i] / 8 + smooth * plain[i]), 1, 1e-6);
      ++blended;
    }
  }
  EXPECT_GT(blended, 0);
}

INSTANTIATE_TEST_SUITE_P(Types, RopeTest, testing::Values(DType::f32, DType::bf16),
                         [](const auto& info) { return std::string(name_of(info.param)); });

}  // namespace
}  // namespace troupe
