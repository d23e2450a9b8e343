// GELU (Hendrycks and Gimpel, 2016): y = x Phi(x), Phi the normal distribution, and its older form
// by tanh, y = x / 2 (1 + tanh(sqrt(2 / pi) (x + 0.044715 x^3))); Hugging Face's "gelu" and
// "gelu_pytorch_tanh". f32 or bf16, rounded once.
#pragma once

#include "kernels/op.h"

namespace troupe {

void gelu_cpu(const KernelArgs&);
void gelu_gradient_cpu(const KernelArgs&);
void gelu_tanh_cpu(const KernelArgs&);
void gelu_tanh_gradient_cpu(const KernelArgs&);
void differentiate_gelu(GradientBuilder&);
void differentiate_gelu_tanh(GradientBuilder&);

inline constexpr OpDef gelu = {
    .name = "gelu",
    .axes = "tc -> tc",
    .gradient = differentiate_gelu,
    .cpu = gelu_cpu,
};

// (x, dy) -> dx.
inline constexpr OpDef gelu_gradient = {
    .name = "gelu_gradient",
    .axes = "tc, tc -> tc",
    .cpu = gelu_gradient_cpu,
};

inline constexpr OpDef gelu_tanh = {
    .name = "gelu_tanh",
    .axes = "tc -> tc",
    .gradient = differentiate_gelu_tanh,
    .cpu = gelu_tanh_cpu,
};

// (x, dy) -> dx.
inline constexpr OpDef gelu_tanh_gradient = {
    .name = "gelu_tanh_gradient",
    .axes = "tc, tc -> tc",
    .cpu = gelu_tanh_gradient_cpu,
};

}  // namespace troupe
