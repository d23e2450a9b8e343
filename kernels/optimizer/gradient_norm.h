// The squared norm of one gradient in double, in the one order (design.md section 6): squares
// within a (row, slice), then a row's slices as a tree, then rows in order. Cutting a gradient at
// rows or at slices of its columns leaves every term of the outer sums as it is.
#pragma once

#include <cstdint>

namespace troupe {

class ThreadPool;

// Of a row-major [rows, columns] matrix, its columns in num_slices equal slices.
double sum_of_squares(const float* gradient, int64_t rows, int64_t columns, ThreadPool& pool,
                      int num_slices = 1);

}  // namespace troupe
