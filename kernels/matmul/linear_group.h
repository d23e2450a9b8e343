// y1 = x W1^T, y2 = x W2^T, ...: up to three weights that share an input, as q, k, v do, or gate
// and up. One op, because the input gradients of such weights are one sum (docs: one order of
// addition).
//
// Inputs x [t, c], W1 [d1, c], ...; outputs y1 [t, d1], ...
#pragma once

#include "kernels/op.h"

namespace troupe {

inline constexpr int kMostGroupedWeights = 3;

void linear_group_cpu(const KernelArgs&);
void linear_group_swiglu_cpu(const KernelArgs&);
void norm_linear_group_cpu(const KernelArgs&);
void norm_linear_group_swiglu_cpu(const KernelArgs&);
void linear_group_input_gradient_cpu(const KernelArgs&);
void linear_group_gradient(GradientBuilder&);
std::vector<Shape> linear_group_shapes(const Attributes&, std::span<const Shape> inputs);
std::vector<Shape> linear_group_bias_shapes(const Attributes&, std::span<const Shape> inputs);
std::vector<Shape> linear_group_swiglu_shapes(const Attributes&, std::span<const Shape> inputs);
std::vector<Shape> norm_linear_group_shapes(const Attributes&, std::span<const Shape> inputs);
std::vector<Shape> norm_linear_group_swiglu_shapes(const Attributes&,
                                                   std::span<const Shape> inputs);
std::vector<Shape> linear_group_input_gradient_shapes(const Attributes&,
                                                      std::span<const Shape> inputs);

// The forward pass is not sliced; attributes.num_slices is for the input gradient.
inline constexpr OpDef linear_group = {
    .name = "linear_group",
    .dtypes = "===",
    .shapes = linear_group_shapes,
    .gradient = linear_group_gradient,
    .cpu = linear_group_cpu,
};

// The same with biases: inputs x, W1 ... Wn, b1 [d1] ... bn in f32, of which some may be absent
// (kNoSymbol). The bits of linear_group and add_bias, of which it is made (graph/fuse.h).
inline constexpr OpDef linear_group_bias = {
    .name = "linear_group_bias",
    .dtypes = "===",
    .shapes = linear_group_bias_shapes,
    .cpu = linear_group_cpu,
};

// Gate, up and SwiGLU of the two (kernels/elementwise/swiglu.h): inputs x, W1, W2, and b1, b2 where
// there are biases; outputs y1, y2, y1 * sigmoid(y1) * y2. The bits of the ops apart, of which it
// is made (graph/fuse.h).
inline constexpr OpDef linear_group_swiglu = {
    .name = "linear_group_swiglu",
    .dtypes = "===",
    .shapes = linear_group_swiglu_shapes,
    .cpu = linear_group_swiglu_cpu,
};

// rms_norm of x before the products ("prologue"): the inputs of linear_group_bias, then the norm's
// weight [c]. Reads attributes.epsilon. The bits of the ops apart; graph/fuse.h makes it where
// nothing else reads the normed rows, which are made where they are multiplied and never stored.
inline constexpr OpDef norm_linear_group = {
    .name = "norm_linear_group",
    .dtypes = "===",
    .shapes = norm_linear_group_shapes,
    .cpu = norm_linear_group_cpu,
};
inline constexpr OpDef norm_linear_group_swiglu = {
    .name = "norm_linear_group_swiglu",
    .dtypes = "===",
    .shapes = norm_linear_group_swiglu_shapes,
    .cpu = norm_linear_group_swiglu_cpu,
};

// Inputs dy1 ... dyn, W1 ... Wn; output dx = dy1 W1 + ... + dyn Wn. Every d is cut into
// attributes.num_slices slices; slice s adds the s-th part of dy1 W1, then of dy2 W2, and so on, in
// one accumulator; then the slices are added as a tree.
inline constexpr OpDef linear_group_input_gradient = {
    .name = "linear_group_input_gradient",
    .shapes = linear_group_input_gradient_shapes,
    .cpu = linear_group_input_gradient_cpu,
};

}  // namespace troupe
