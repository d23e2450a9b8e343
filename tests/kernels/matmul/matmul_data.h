// Operands and references for the tests of matrix products.
#pragma once

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstring>
#include <memory>
#include <random>
#include <span>
#include <utility>
#include <vector>

#include "devices/cpu/thread_pool.h"
#include "kernels/kernel_args.h"
#include "kernels/matmul/packed_weight.h"

namespace troupe::testing_data {

// A tensor that owns its memory.
struct Matrix {
  Shape shape;
  DType dtype;
  std::vector<char> bytes;

  Matrix(int64_t rows, int64_t columns, DType type)
      : shape{rows, columns}, dtype(type), bytes(rows * columns * size_of(type)) {}
  Tensor tensor() const { return {const_cast<char*>(bytes.data()), dtype, shape}; }
  float* floats() { return reinterpret_cast<float*>(bytes.data()); }
  double at(int64_t row, int64_t column) const {
    const int64_t i = row * shape[1] + column;
    if (dtype == DType::f32) return reinterpret_cast<const float*>(bytes.data())[i];
    return to_float(reinterpret_cast<const Bf16*>(bytes.data())[i]);
  }
  void set(int64_t row, int64_t column, float x) {
    const int64_t i = row * shape[1] + column;
    if (dtype == DType::f32) {
      reinterpret_cast<float*>(bytes.data())[i] = x;
    } else {
      reinterpret_cast<Bf16*>(bytes.data())[i] = to_bf16(x);
    }
  }
  // Rows [begin, end) as a tensor of their own.
  Tensor rows(int64_t begin, int64_t end) const {
    const size_t offset = begin * shape[1] * size_of(dtype);
    return {const_cast<char*>(bytes.data()) + offset, dtype, {end - begin, shape[1]}};
  }
  bool operator==(const Matrix&) const = default;
};

// Uniform in [-1, 1), the same on every machine.
inline Matrix random_matrix(int64_t rows, int64_t columns, DType dtype, uint32_t seed) {
  Matrix matrix(rows, columns, dtype);
  std::mt19937 engine(seed);
  for (int64_t i = 0; i < rows; ++i)
    for (int64_t j = 0; j < columns; ++j)
      matrix.set(i, j, static_cast<float>(static_cast<int32_t>(engine())) * 0x1p-31f);
  return matrix;
}

inline void pack(PackedWeight& packed, const Matrix& w, ThreadPool& pool) {
  w.dtype == DType::f32 ? packed.pack(w.tensor().as<float>(), pool)
                        : packed.pack(w.tensor().as<Bf16>(), pool);
}

// A packed weight with w's values.
struct Packed : PackedWeight {
  Packed(const Matrix& w, ThreadPool& pool) : PackedWeight(w.shape[0], w.shape[1], w.dtype) {
    testing_data::pack(*this, w, pool);
  }
};

// What rounding may do to a sum of `terms` whose absolute values add up to `magnitude`.
inline double error_bound(double magnitude, int64_t terms, DType result) {
  const double f32 = magnitude * static_cast<double>(terms + 1) * 0x1p-24;
  return f32 + (result == DType::bf16 ? (magnitude + f32) * 0x1p-8 : 0);
}

// The sums of slices added as a binary counter counts, leftovers folded smallest first.
inline float binary_counter(const std::vector<float>& sums) {
  std::vector<std::pair<int, float>> trees;  // slices in the tree, sum
  const auto join = [&] {
    const auto newer = trees.back();
    trees.pop_back();
    trees.back() = {trees.back().first + newer.first, trees.back().second + newer.second};
  };
  for (const float sum : sums) {
    trees.emplace_back(1, sum);
    while (trees.size() > 1 && trees[trees.size() - 2].first == trees.back().first) join();
  }
  while (trees.size() > 1) join();
  return trees[0].second;
}

}  // namespace troupe::testing_data
