// What a product does beside multiplying, so that rows are not visited once more: their norm before
// it, biases, the residual connection and SwiGLU behind it. Each has the bits of its own op.
#pragma once

#include <span>

#include "kernels/kernel_args.h"
#include "kernels/make_row.h"

namespace troupe {

struct Fused {
  MakeRow make_row;  // of the weight's dtype, in place of x's rows; in bf16 of an even number of
                     // columns
  std::span<const float* const> biases;  // one for each weight, or none; each [n] or null
  Tensor residual;                       // of a single weight, as its result is
  const Tensor* gated = nullptr;         // takes SwiGLU of two weights' results
};

}  // namespace troupe
