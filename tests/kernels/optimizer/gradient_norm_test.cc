#include "kernels/optimizer/gradient_norm.h"

#include <gtest/gtest.h>

#include "tests/kernels/op_testing.h"

namespace troupe {
namespace {

TEST(GradientNormTest, IsTheSumOfSquares) {
  ThreadPool pool(1);
  const Values x = random_values({37, 120}, DType::f32, 1);
  double exact = 0;
  for (double value : x.doubles()) exact += value * value;
  for (int slices : {1, 2, 3, 5, 8})
    EXPECT_NEAR(sum_of_squares(x.as<float>(), 37, 120, pool, slices) / exact, 1, 1e-14);
  EXPECT_THROW(sum_of_squares(x.as<float>(), 37, 120, pool, 7), Error);
}

TEST(GradientNormTest, AddsSlicesAsATreeAndRowsInOrder) {
  ThreadPool pool(1);
  const Values x = random_values({4, 96}, DType::f32, 2);
  double rows = 0;
  for (int64_t row = 0; row < 4; ++row) {
    const auto slice = [&](int s) {
      return sum_of_squares(x.as<float>() + row * 96 + s * 32, 1, 32, pool);
    };
    rows += (slice(0) + slice(1)) + slice(2);
  }
  EXPECT_EQ(sum_of_squares(x.as<float>(), 4, 96, pool, 3), rows);
}

TEST(GradientNormTest, HasTheSameBitsOnAnyNumberOfThreads) {
  ThreadPool one(1), three(3);
  const Values x = random_values({301, 333}, DType::f32, 3);
  EXPECT_EQ(sum_of_squares(x.as<float>(), 301, 333, one),
            sum_of_squares(x.as<float>(), 301, 333, three));
}

TEST(GradientNormTest, DoesNotOverflowInSinglePrecision) {
  ThreadPool pool(1);
  const std::vector<float> x(20, 3e30f);
  EXPECT_NEAR(sum_of_squares(x.data(), 2, 10, pool) / 1.8e62, 1, 1e-6);
}

}  // namespace
}  // namespace troupe
