// y = silu(gate) * up with silu(x) = x * sigmoid(x) (Shazeer, 2020): f32 or bf16, rounded once.
#pragma once

#include "kernels/op.h"

namespace troupe {

void swiglu_cpu(const KernelArgs&);
void swiglu_gradient_cpu(const KernelArgs&);
void differentiate_swiglu(GradientBuilder&);

inline constexpr OpDef swiglu = {
    .name = "swiglu",
    .axes = "tc, tc -> tc",
    .gradient = differentiate_swiglu,
    .cpu = swiglu_cpu,
};

// (gate, up, dy) -> (dgate, dup).
inline constexpr OpDef swiglu_gradient = {
    .name = "swiglu_gradient",
    .axes = "tc, tc, tc -> tc, tc",
    .dtypes = "==",
    .cpu = swiglu_gradient_cpu,
};

}  // namespace troupe
