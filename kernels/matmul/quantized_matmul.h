// y = x W^T for weights that stay in the blocks of their file. x is rounded to int8
// (quantized_rows.h), integer products are exact, and an output's f32 sum runs over blocks of 32 in
// ascending order: its bits depend on neither the batch, nor threads, nor the instruction set.
#pragma once

#include <span>

#include "kernels/kernel_args.h"
#include "kernels/matmul/quantized_weight.h"

namespace troupe {

// Several products of one x: ys[i] = x ws[i]^T, f32 or bf16. Throws when sizes disagree.
void matmul_quantized(const Tensor& x, std::span<const QuantizedWeight* const> ws,
                      std::span<const Tensor> ys, ThreadPool& pool);

}  // namespace troupe
