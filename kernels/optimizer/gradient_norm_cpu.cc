#include <array>

#include "base/counter_tree.h"
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

double add_doubles(double a, double b) {
  return a + b;
}

}  // namespace

int64_t first_row_of_cell(int64_t rows, const WeightSlices& slices, int64_t cell) {
  const int64_t slice = slices.dim == 0 ? cell / kRowRanges : 0;
  const int64_t each = slices.dim == 0 ? rows / slices.count : rows;
  return slice * each + (cell - slice * kRowRanges) * each / kRowRanges;
}

std::vector<double> squares_by_cell(const float* gradient, int64_t rows, int64_t columns,
                                    const WeightSlices& slices, int64_t begin, int64_t end,
                                    ThreadPool& pool) {
  CHECK(slices.count >= 1 && (slices.dim == 0 ? rows : columns) % slices.count == 0, rows, columns,
        slices.dim, slices.count);
  const bool by_columns = slices.dim == 1;
  const int64_t width = by_columns ? columns / slices.count : columns;
  std::vector<double> cells(static_cast<size_t>(slices.count) * kRowRanges);
  const KernelContext context = {.pool = &pool};
  const int64_t each = rows * columns / std::ssize(cells);
  parallel_for(context, std::ssize(cells), each, [&](int64_t first, int64_t last) {
    for (int64_t cell = first; cell < last; ++cell) {
      const int64_t along = by_columns ? cell % kRowRanges : cell;
      const int64_t from = first_row_of_cell(rows, slices, along);
      const int64_t to = first_row_of_cell(rows, slices, along + 1);
      if (from < begin || to > end) continue;
      const float* at = gradient + (by_columns ? cell / kRowRanges * width : 0);
      for (int64_t row = from; row < to; ++row)
        cells[cell] += squares_of(at + row * columns, width);
    }
  });
  return cells;
}

double sum_of_cells(std::span<const double> cells) {
  CHECK(cells.size() % kRowRanges == 0, cells.size());
  CounterTree<double> slices;
  for (size_t at = 0; at < cells.size(); at += kRowRanges) {
    CounterTree<double> ranges;
    for (double cell : cells.subspan(at, kRowRanges)) ranges.add(cell, add_doubles);
    slices.add(ranges.total(add_doubles), add_doubles);
  }
  return slices.total(add_doubles);
}

}  // namespace troupe
