#include <array>
#include <vector>

#include "kernels/loops.h"
#include "kernels/optimizer/gradient_norm.h"

namespace troupe {
namespace {

// Sixteen sums take turns, then are added as a tree: plain double, so no vector width changes it.
double squares_of(const float* x, int64_t count) {
  std::array<double, kLanes> sums = {};
  int64_t i = 0;
  for (; i + kLanes <= count; i += kLanes)
    for (int l = 0; l < kLanes; ++l) sums[l] += static_cast<double>(x[i + l]) * x[i + l];
  for (int l = 0; i + l < count; ++l) sums[l] += static_cast<double>(x[i + l]) * x[i + l];
  for (int step = kLanes / 2; step > 0; step /= 2)
    for (int l = 0; l < step; ++l) sums[l] += sums[l + step];
  return sums[0];
}

// A binary counter over the slices; leftovers are folded smallest first.
double squares_of_row(const float* row, int64_t columns, int num_slices) {
  const int64_t size = columns / num_slices;
  std::array<double, 8> trees;
  int slice = 0;
  for (; slice < num_slices; ++slice) {
    double sum = squares_of(row + slice * size, size);
    int level = 0;
    for (; slice >> level & 1; ++level) sum = trees[level] + sum;
    trees[level] = sum;
  }
  bool has_sum = false;
  double sum = 0;
  for (int level = 0; level < 8; ++level)
    if (num_slices >> level & 1) {
      sum = has_sum ? trees[level] + sum : trees[level];
      has_sum = true;
    }
  return sum;
}

}  // namespace

double sum_of_squares(const float* gradient, int64_t rows, int64_t columns, ThreadPool& pool,
                      int num_slices) {
  CHECK(num_slices >= 1 && num_slices < 256, num_slices);
  CHECK(columns % num_slices == 0, columns, num_slices);
  std::vector<double> squares(rows);
  const KernelContext context = {.pool = &pool};
  parallel_for(context, rows, columns, [&](int64_t begin, int64_t end) {
    for (int64_t row = begin; row < end; ++row)
      squares[row] = squares_of_row(gradient + row * columns, columns, num_slices);
  });
  double sum = 0;
  for (double square : squares) sum += square;
  return sum;
}

}  // namespace troupe
