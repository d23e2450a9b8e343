// y = x / sqrt(mean(x * x) + epsilon) * weight over the last dim (Zhang and Sennrich, 2019), as in
// Llama: x in f32 or bf16, weight in f32, one rounding at the end. Reads attributes.epsilon.
#pragma once

#include "kernels/kernel_args.h"
#include "kernels/make_row.h"
#include "kernels/op.h"

namespace troupe {

void rms_norm_cpu(const KernelArgs&);
// The rows of rms_norm(x, weight), in x's dtype, for another op's kernel.
MakeRow normed_rows(const Tensor& x, const Tensor& weight, float epsilon);
void rms_norm_gradient_cpu(const KernelArgs&);
void rms_norm_weight_gradient_cpu(const KernelArgs&);
void differentiate_rms_norm(GradientBuilder&);

inline constexpr OpDef rms_norm = {
    .name = "rms_norm",
    .axes = "tc, c -> tc",
    .whole = "c",  // the mean runs over c
    .gradient = differentiate_rms_norm,
    .cpu = rms_norm_cpu,
};

// (x, weight, dy) -> dx.
inline constexpr OpDef rms_norm_gradient = {
    .name = "rms_norm_gradient",
    .axes = "tc, c, tc -> tc",
    .whole = "c",
    .cpu = rms_norm_gradient_cpu,
};

// (x, dy) -> the weight's gradient, a tree over eight token ranges, added on.
inline constexpr OpDef rms_norm_weight_gradient = {
    .name = "rms_norm_weight_gradient",
    .axes = "tc, tc -> c",
    .whole = "c",
    .dtypes = "f",
    .adds_token_ranges = true,
    .cpu = rms_norm_weight_gradient_cpu,
};

}  // namespace troupe
