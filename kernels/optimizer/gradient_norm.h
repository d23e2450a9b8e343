// The squared norm of one gradient in double, in the one order (design.md section 6): a matrix is
// cut into slices of its rows or of its columns, as tensor parallelism may cut it, and each slice
// into eight equal ranges of rows, as ZeRO may. Squares are added within a cell, row by row; the
// eight cells of a slice are a tree, and the slices are another.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

namespace troupe {

class ThreadPool;

inline constexpr int kRowRanges = 8;

// How a weight may be cut: `count` equal slices of dim 0 (rows) or 1 (columns).
struct WeightSlices {
  int dim = 0;
  int count = 1;
  bool operator==(const WeightSlices&) const = default;
};

// The first row of cell `cell` of [rows, columns] in these slices: cells of row slices follow each
// other; those of column slices share their rows, so that only the range counts.
int64_t first_row_of_cell(int64_t rows, const WeightSlices& slices, int64_t cell);
// How many cells follow each other along the rows.
inline int64_t num_row_cells(const WeightSlices& slices) {
  return kRowRanges * (slices.dim == 0 ? slices.count : 1);
}

// The sum of squares of each cell, [slice][range], of a row-major [rows, columns] matrix, over rows
// [begin, end) alone, which must be borders of cells; cells outside are 0.
std::vector<double> squares_by_cell(const float* gradient, int64_t rows, int64_t columns,
                                    const WeightSlices& slices, int64_t begin, int64_t end,
                                    ThreadPool& pool);
// Of all slices' cells.
double sum_of_cells(std::span<const double> cells);

}  // namespace troupe
