// A row-major matrix of random numbers.
#pragma once

#include <algorithm>
#include <random>

#include "devices/cpu/buffer.h"
#include "kernels/kernel_args.h"

namespace troupe {

struct Matrix {
  DType dtype;
  Shape shape;
  Buffer data;

  Matrix(int64_t rows, int64_t columns, DType type)
      : dtype(type),
        shape{rows, columns},
        data(static_cast<size_t>(std::max<int64_t>(1, rows * columns)) * size_of(type)) {
    std::mt19937 engine(1);
    for (int64_t i = 0; i < rows * columns; ++i) {
      const float x = static_cast<float>(engine() >> 8) * 0x1p-24f - 0.5f;
      if (type == DType::f32) data.as<float>()[i] = x;
      if (type == DType::bf16) data.as<Bf16>()[i] = to_bf16(x);
    }
  }
  Tensor tensor() const { return {data.data(), dtype, shape}; }
};

}  // namespace troupe
