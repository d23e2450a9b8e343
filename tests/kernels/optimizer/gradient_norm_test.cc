#include "kernels/optimizer/gradient_norm.h"

#include <gtest/gtest.h>

#include "tests/kernels/op_testing.h"

namespace troupe {
namespace {

double sum_of_squares(const float* x, int64_t rows, int64_t columns, const WeightSlices& slices,
                      ThreadPool& pool) {
  return sum_of_cells(squares_by_cell(x, rows, columns, slices, 0, rows, pool));
}

TEST(GradientNormTest, IsTheSumOfSquaresInAnySlices) {
  ThreadPool pool(1);
  const Values x = random_values({40, 120}, DType::f32, 1);
  double exact = 0;
  for (double value : x.doubles()) exact += value * value;
  for (int dim : {0, 1})
    for (int count : {1, 2, 4, 5, 8})
      EXPECT_NEAR(sum_of_squares(x.as<float>(), 40, 120, {dim, count}, pool) / exact, 1, 1e-14);
  EXPECT_THROW(sum_of_squares(x.as<float>(), 40, 120, {0, 7}, pool), Error);
}

// A shard knows its own slices of rows, and ZeRO its own rows of these: their cells are the
// whole's.
TEST(GradientNormTest, ACellIsTheSameWhereverItsRowsAre) {
  ThreadPool pool(2);
  const Values x = random_values({60, 48}, DType::f32, 2);
  const auto whole = squares_by_cell(x.as<float>(), 60, 48, {0, 4}, 0, 60, pool);
  const auto half = squares_by_cell(x.as<float>() + 30 * 48, 30, 48, {0, 2}, 0, 30, pool);
  EXPECT_EQ(half, std::vector<double>(whole.begin() + 16, whole.end()));
  const int64_t border = first_row_of_cell(60, {0, 4}, 8);
  EXPECT_EQ(border, 15);
  const auto rest = squares_by_cell(x.as<float>(), 60, 48, {0, 4}, border, 60, pool);
  for (size_t cell = 0; cell < whole.size(); ++cell)
    EXPECT_EQ(rest[cell], cell < 8 ? 0 : whole[cell]) << cell;
}

TEST(GradientNormTest, ACellOfColumnsIsTheSameInTheShardThatHasThem) {
  ThreadPool pool(2);
  const Values x = random_values({11, 96}, DType::f32, 3);
  std::vector<float> right;
  for (int64_t row = 0; row < 11; ++row)
    right.insert(right.end(), x.as<float>() + row * 96 + 64, x.as<float>() + row * 96 + 96);
  const auto whole = squares_by_cell(x.as<float>(), 11, 96, {1, 3}, 0, 11, pool);
  EXPECT_EQ(squares_by_cell(right.data(), 11, 32, {1, 1}, 0, 11, pool),
            std::vector<double>(whole.begin() + 16, whole.end()));
}

TEST(GradientNormTest, AddsRangesAndSlicesAsTrees) {
  std::vector<double> cells(24, 0);
  cells[0] = 1, cells[8] = 0x1p-53, cells[16] = 0x1p-53;
  EXPECT_EQ(sum_of_cells(cells), 1);  // (1 + tiny) + tiny
  std::swap(cells[0], cells[16]);
  EXPECT_EQ(sum_of_cells(cells), 1 + 0x1p-52);  // (tiny + tiny) + 1
}

TEST(GradientNormTest, HasTheSameBitsOnAnyNumberOfThreads) {
  ThreadPool one(1), three(3);
  const Values x = random_values({301, 333}, DType::f32, 3);
  EXPECT_EQ(sum_of_squares(x.as<float>(), 301, 333, {1, 3}, one),
            sum_of_squares(x.as<float>(), 301, 333, {1, 3}, three));
}

TEST(GradientNormTest, DoesNotOverflowInSinglePrecision) {
  ThreadPool pool(1);
  const std::vector<float> x(20, 3e30f);
  EXPECT_NEAR(sum_of_squares(x.data(), 2, 10, {}, pool) / 1.8e62, 1, 1e-6);
}

}  // namespace
}  // namespace troupe
