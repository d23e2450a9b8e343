// Rotary position embedding (Su et al., 2021) in Hugging Face's pairing: within each head, dims i
// and i + head_dim / 2 are rotated by position * inverse_frequencies[i]. Positions are the pack's.
// Reads attributes.num_attention_heads (heads in this tensor), head_dim and inverse_frequencies.
#pragma once

#include "kernels/op.h"

namespace troupe {

void rope_cpu(const KernelArgs&);
void rope_gradient_cpu(const KernelArgs&);
void differentiate_rope(GradientBuilder&);

// x [tokens, heads * head_dim], f32 or bf16.
inline constexpr OpDef rope = {
    .name = "rope",
    .axes = "tc -> tc",
    .gradient = differentiate_rope,
    .cpu = rope_cpu,
};

// dy -> dx: the rotation by the negative angle.
inline constexpr OpDef rope_gradient = {
    .name = "rope_gradient",
    .axes = "tc -> tc",
    .cpu = rope_gradient_cpu,
};

}  // namespace troupe
