// The language-model head fused with what losses need of it: the log-prob of each token's target
// and the entropy of its distribution softmax(hidden W^T / temperature), without logits for a whole
// pack: they are made for some tokens at a time, used, and made again by the gradient.
//
// hidden [t, c] and the head's weight [v, c] (packed) share a dtype, f32 or bf16; logits are f32.
// targets [t] are i32; -1 means that a token has none: its outputs and gradients are 0. Reads
// attributes.temperature.
//
// Where attributes.num_shards > 1, W is part attributes.shard of the vocabulary, and all parts
// compute together: they exchange what a row's softmax needs, never logits, and d_hidden is each
// part's addend, in f32.
//
// There are two ways to a gradient. head_loss_gradient makes it in the visit that makes a token's
// log-prob, of a loss that needs no more to know its slope there (context.token_loss); logits are
// made once. head_log_prob and, when the whole loss is known, head_log_prob_gradient make them
// twice.
#pragma once

#include "base/dtype.h"
#include "kernels/op.h"

namespace troupe {

void head_log_prob_cpu(const KernelArgs&);
void head_log_prob_gradient_cpu(const KernelArgs&);
void head_loss_gradient_cpu(const KernelArgs&);
void differentiate_head_log_prob(GradientBuilder&);
void differentiate_head_loss(GradientBuilder&);
std::vector<Shape> head_log_prob_gradient_shapes(const Attributes&, std::span<const Shape> inputs);
std::vector<Shape> head_log_prob_input_gradient_shapes(const Attributes&,
                                                       std::span<const Shape> inputs);

// How many tokens' logits are there at a time.
int64_t head_chunk_rows(int64_t vocab_size);
// The scratch memory of a chunk, with its gradients or without.
int64_t head_bytes(int64_t rows, int64_t vocab_size, int64_t hidden_size, DType dtype,
                   bool with_gradients);

// (hidden, W, targets) -> log_prob, entropy, log_sum_exp, each f32 [t]. No gradient flows back from
// log_sum_exp.
inline constexpr OpDef head_log_prob = {
    .name = "head_log_prob",
    .axes = "tc, vc, t -> t, t, t",
    .whole = "cv",
    .dtypes = "fff",
    .group_calls = GroupCalls::some,
    .gradient = differentiate_head_log_prob,
    .loss_gradient = differentiate_head_loss,
    .cpu = head_log_prob_cpu,
};

// (hidden, W, targets, entropy, log_sum_exp, d_log_prob, d_entropy) -> d_hidden and W's gradient,
// added on. d_log_prob or d_entropy may be absent (kNoSymbol). Tokens without target, or whose
// gradients are both 0, are left out of the products.
inline constexpr OpDef head_log_prob_gradient = {
    .name = "head_log_prob_gradient",
    .axes = "tc, vc, t, t, t, t, t -> tc, vc",
    .whole = "cv",
    .dtypes = "=f",
    .starts_sums = true,
    .group_calls = GroupCalls::some,
    .shapes = head_log_prob_gradient_shapes,
    .cpu = head_log_prob_gradient_cpu,
};

// The same for a frozen W: d_hidden alone.
inline constexpr OpDef head_log_prob_input_gradient = {
    .name = "head_log_prob_input_gradient",
    .axes = "tc, vc, t, t, t, t, t -> tc",
    .whole = "cv",
    .group_calls = GroupCalls::some,
    .shapes = head_log_prob_input_gradient_shapes,
    .cpu = head_log_prob_gradient_cpu,
};

// (hidden, W, targets) -> d_hidden and W's gradient, added on: of context.token_loss. What each
// token's log_prob and entropy are, the loss is told. Tokens to which it gives no gradient are left
// out of the products.
inline constexpr OpDef head_loss_gradient = {
    .name = "head_loss_gradient",
    .axes = "tc, vc, t -> tc, vc",
    .whole = "cv",
    .dtypes = "=f",
    .starts_sums = true,
    .group_calls = GroupCalls::some,
    .cpu = head_loss_gradient_cpu,
};

// The same for a frozen W: d_hidden alone.
inline constexpr OpDef head_loss_input_gradient = {
    .name = "head_loss_input_gradient",
    .axes = "tc, vc, t -> tc",
    .whole = "cv",
    .group_calls = GroupCalls::some,
    .cpu = head_loss_gradient_cpu,
};

}  // namespace troupe
