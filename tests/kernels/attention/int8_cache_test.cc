// Attention over a cache in int8: it is attention over the rounded keys and values, in any steps.
#include <gtest/gtest.h>

#include <cmath>
#include <limits>

#include "kernels/attention/int8_blocks.h"
#include "tests/kernels/attention/cached_attention.h"

namespace troupe {
namespace {

using namespace attention_case;

template <class T>
class Int8CacheTest : public testing::Test {};
using Types = testing::Types<float, Bf16>;
TYPED_TEST_SUITE(Int8CacheTest, Types);

template <class T>
T element(double x) {
  if constexpr (sizeof(T) == sizeof(float))
    return static_cast<float>(x);
  else
    return to_bf16(static_cast<float>(x));
}

// Each row of `width` elements as int8 holds it.
template <class T>
void round_rows(std::vector<T>& values, int width) {
  for (size_t begin = 0; begin < values.size(); begin += width) {
    float largest = 0;
    for (int d = 0; d < width; ++d)
      largest = std::max(largest, std::abs(static_cast<float>(widen(values[begin + d]))));
    const float scale = largest / 127;
    for (int d = 0; d < width; ++d) {
      const auto x = static_cast<float>(widen(values[begin + d]));
      values[begin + d] = element<T>(scale * std::nearbyint(x / scale));
    }
  }
}

template <class T>
Rows<T> rounded(Rows<T> rows, const Heads& shape) {
  round_rows(rows.k, shape.head_dim);
  round_rows(rows.v, shape.head_dim);
  return rows;
}

TYPED_TEST(Int8CacheTest, IsAttentionOverTheRoundedKeysAndValuesInAnySteps) {
  ThreadPool pool(3);
  for (const Heads& shape : {Heads{4, 2, 32}, Heads{3, 1, 20}, Heads{2, 2, 64}}) {
    std::vector<Rows<TypeParam>> sequences, exact;
    for (const int length : {1, 63, 64, 65, 200, 333}) {
      sequences.emplace_back(shape, length, length);
      exact.push_back(rounded(sequences.back(), shape));
    }
    const auto expected = through_cache(shape, exact, {1000}, nullptr);
    const auto unrounded = through_cache(shape, sequences, {1000}, nullptr);
    for (const std::vector<int64_t>& steps :
         {std::vector<int64_t>{1000}, {1}, {7, 64, 130}, {128, 1, 1}}) {
      const auto found = through_cache(shape, sequences, steps, &pool, {}, KeyValueFormat::int8);
      for (size_t i = 0; i < sequences.size(); ++i) {
        EXPECT_TRUE(same_bits(found[i].out, expected[i].out)) << i << " " << steps[0];
        EXPECT_TRUE(same_bits(found[i].log_sum_exp, expected[i].log_sum_exp)) << i;
        EXPECT_FALSE(same_bits(found[i].out, unrounded[i].out)) << i;
      }
    }
  }
}

TYPED_TEST(Int8CacheTest, ARowThatIsNotFiniteReachesThoseWhoSeeItAndNobodyElse) {
  const Heads shape = {2, 1, 16};
  const int64_t length = 90, bad = 70;
  for (const double value :
       {std::numeric_limits<double>::quiet_NaN(), std::numeric_limits<double>::infinity()}) {
    std::vector<Rows<TypeParam>> sequences = {Rows<TypeParam>(shape, length, 5)};
    const auto expected =
        through_cache(shape, sequences, {1000}, nullptr, {}, KeyValueFormat::int8)[0];
    sequences[0].v[bad * shape.kv_width() + 3] = element<TypeParam>(value);
    const auto found =
        through_cache(shape, sequences, {1000}, nullptr, {}, KeyValueFormat::int8)[0];
    const auto before = static_cast<size_t>(bad * shape.q_width());
    for (size_t i = 0; i < found.out.size(); ++i)
      if (i >= before)
        EXPECT_TRUE(std::isnan(widen(found.out[i]))) << i;
      else
        EXPECT_EQ(widen(found.out[i]), widen(expected.out[i])) << i;
  }
}

TEST(QuantizeRowTest, TakesTheNearestOf255NumbersAndHoldsAtTheEnds) {
  const float row[] = {-2.54f, 1.26f, 0.009f, 0.011f, 0, 2.54f};
  int8_t numbers[6];
  EXPECT_EQ(quantize_row(row, 6, numbers), 2.54f / 127);
  EXPECT_EQ(std::vector<int>(numbers, numbers + 6), (std::vector<int>{-127, 63, 0, 1, 0, 127}));
  const float zeros[] = {0, -0.0f};
  EXPECT_EQ(quantize_row(zeros, 2, numbers), 0);
  EXPECT_EQ(numbers[0], 0);
  const float tiny[] = {2e-43f, -2e-43f};  // a scale of one or two of the least steps
  quantize_row(tiny, 2, numbers);
  EXPECT_EQ(numbers[0], 127);
  EXPECT_EQ(numbers[1], -127);
  const float infinite[] = {1, std::numeric_limits<float>::infinity()};
  EXPECT_TRUE(std::isnan(quantize_row(infinite, 2, numbers)));
}

}  // namespace
}  // namespace troupe
