// rms_norm with the addition beside it in the same visit of a row: before it in the forward pass (a
// branch joins the residual stream), behind its gradient in the backward pass (the stream's own
// gradient joins). Bits as by two ops: the sum is rounded before it is normed, the gradient before
// it is added. graph/fuse.h puts them in place; they have no gradients of their own.
#pragma once

#include "kernels/op.h"

namespace troupe {

void add_rms_norm_cpu(const KernelArgs&);
void add_rms_norm_gradient_cpu(const KernelArgs&);

// (x, branch, weight) -> sum = x + branch, rms_norm(sum, weight). Reads attributes.epsilon.
inline constexpr OpDef add_rms_norm = {
    .name = "add_rms_norm",
    .axes = "tc, tc, c -> tc, tc",
    .whole = "c",  // the mean runs over c
    .dtypes = "==",
    .cpu = add_rms_norm_cpu,
};

// (x, weight, dy, other) -> other + rms_norm_gradient(x, weight, dy). Reads attributes.epsilon.
inline constexpr OpDef add_rms_norm_gradient = {
    .name = "add_rms_norm_gradient",
    .axes = "tc, c, tc, tc -> tc",
    .whole = "c",
    .cpu = add_rms_norm_gradient_cpu,
};

}  // namespace troupe
