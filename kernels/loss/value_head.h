// A linear head in f32: hidden [t, c] (f32 or bf16) times weight [o, c] (f32, plain memory; o is 1
// for a critic or a reward model) gives f32 [t, o].
#pragma once

#include "kernels/op.h"

namespace troupe {

void value_head_cpu(const KernelArgs&);
void value_head_input_gradient_cpu(const KernelArgs&);
void value_head_weight_gradient_cpu(const KernelArgs&);
void differentiate_value_head(GradientBuilder&);

inline constexpr OpDef value_head = {
    .name = "value_head",
    .axes = "tc, oc -> to",
    .whole = "co",
    .dtypes = "f",
    .gradient = differentiate_value_head,
    .cpu = value_head_cpu,
};

// (hidden, weight, dy) -> d_hidden; hidden only says the dtype.
inline constexpr OpDef value_head_input_gradient = {
    .name = "value_head_input_gradient",
    .axes = "tc, oc, to -> tc",
    .whole = "co",
    .cpu = value_head_input_gradient_cpu,
};

// (hidden, dy) -> the weight's gradient, in token order, added on.
inline constexpr OpDef value_head_weight_gradient = {
    .name = "value_head_weight_gradient",
    .axes = "tc, to -> oc",
    .whole = "co",
    .dtypes = "f",
    .cpu = value_head_weight_gradient_cpu,
};

}  // namespace troupe
