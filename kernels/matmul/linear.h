// y = x W^T, for weights as HF stores them: [output features, input features]. Weights reach the
// kernels as Tensor::packed.
//
// t: tokens   c: input features   d: output features
#pragma once

#include "kernels/op.h"

namespace troupe {

void linear_cpu(const KernelArgs&);
void linear_f32_cpu(const KernelArgs&);
void linear_input_gradient_cpu(const KernelArgs&);
void linear_weight_gradient_cpu(const KernelArgs&);
void linear_f32_input_gradient_cpu(const KernelArgs&);
std::vector<Shape> linear_residual_shapes(const Attributes&, std::span<const Shape> inputs);
void linear_gradient(GradientBuilder&);
void linear_f32_gradient(GradientBuilder&);

// c is cut into attributes.num_slices slices, whose sums are added as a tree: for o_proj and
// down_proj, which tensor parallelism cuts along c. The input gradient is not sliced.
inline constexpr OpDef linear = {
    .name = "linear",
    .axes = "tc, dc -> td",
    .gradient = linear_gradient,
    .cpu = linear_cpu,
};

// With a bias [d] in f32, added to each result once that is rounded, and rounded again: the bits of
// linear and add_bias, of which it is made when both are known (graph/fuse.h).
inline constexpr OpDef linear_bias = {
    .name = "linear_bias",
    .axes = "tc, dc, d -> td",
    .cpu = linear_cpu,
};

// With what is added to each result after the bias, likewise rounded: the residual connection.
// Inputs x [t, c], W [d, c], b [d] or absent (kNoSymbol), [t, d]. The bits of the ops apart.
inline constexpr OpDef linear_residual = {
    .name = "linear_residual",
    .shapes = linear_residual_shapes,
    .cpu = linear_cpu,
};

// With an f32 result whatever x is: for logits. Never sliced, whatever the attributes say.
inline constexpr OpDef linear_f32 = {
    .name = "linear_f32",
    .axes = "tc, dc -> td",
    .dtypes = "f",
    .gradient = linear_f32_gradient,
    .cpu = linear_f32_cpu,
};

// dx = dy W; reads attributes.num_slices as the slices of d.
inline constexpr OpDef linear_input_gradient = {
    .name = "linear_input_gradient",
    .axes = "td, dc -> tc",
    .cpu = linear_input_gradient_cpu,
};

// The same where dy is f32; x only says the result's dtype.
inline constexpr OpDef linear_f32_input_gradient = {
    .name = "linear_f32_input_gradient",
    .axes = "tc, td, dc -> tc",
    .cpu = linear_f32_input_gradient_cpu,
};

// dW += dy^T x, token after token.
inline constexpr OpDef linear_weight_gradient = {
    .name = "linear_weight_gradient",
    .axes = "td, tc -> dc",
    .dtypes = "f",
    .starts_sums = true,
    .cpu = linear_weight_gradient_cpu,
};

}  // namespace troupe
