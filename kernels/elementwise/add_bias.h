// y = x + bias over the last dim: x in f32 or bf16, bias in f32, rounded once.
#pragma once

#include "kernels/op.h"

namespace troupe {

struct Tensor;

void add_bias_cpu(const KernelArgs&);
// y = y + bias, for another op's kernel that is called with `args`.
void add_bias_onto(const Tensor& y, const Tensor& bias, const KernelArgs& args);
void bias_gradient_cpu(const KernelArgs&);
void differentiate_add_bias(GradientBuilder&);

inline constexpr OpDef add_bias = {
    .name = "add_bias",
    .axes = "tc, c -> tc",
    .gradient = differentiate_add_bias,
    .cpu = add_bias_cpu,
};

// dy -> the bias's gradient, a tree over eight token ranges, added on.
inline constexpr OpDef bias_gradient = {
    .name = "bias_gradient",
    .axes = "tc -> c",
    .dtypes = "f",
    .adds_token_ranges = true,
    .cpu = bias_gradient_cpu,
};

}  // namespace troupe
