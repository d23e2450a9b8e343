// y = a + b, the residual connection: f32 or bf16, added in f32, rounded once.
#pragma once

#include "kernels/op.h"

namespace troupe {

void add_cpu(const KernelArgs&);
void differentiate_add(GradientBuilder&);

inline constexpr OpDef add_op = {
    .name = "add",
    .axes = "tc, tc -> tc",
    .gradient = differentiate_add,
    .cpu = add_cpu,
};

}  // namespace troupe
