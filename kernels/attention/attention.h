// Attention of a pack's sequences, each over its own keys, with one order of summation.
//
//   out[t, h] = sum_j softmax_j(score(q[t, h] . k[j, h / group])) v[j, h / group]
//
// over the keys j that row t sees: those up to itself, or what the pack's FlashMask says. Scores
// are scaled by 1 / sqrt(head_dim), then capped and biased as attributes say (attention/score.h). A
// head's sink is one more key of that score and value 0. log_sum_exp[t, h] is the natural log of
// the softmax's denominator; a row that sees nothing has -infinity, and its output is 0.
//
// A row has the same bits in decode, in chunked prefill and in a packed batch: key blocks of 64,
// counted from the sequence's own start, are taken in order within spans of 1024 keys, and spans
// (max, sum, output) combine left to right, then the sink. Blocks and spans that hold no key that
// the row sees are left out. A row never reads, nor multiplies by zero, the values of keys that it
// does not see: no Inf or NaN there reaches it.
//
// With context.cache the pack's keys and values are written to the cache's blocks of
// attributes.layer first, and a sequence may begin at a position > 0; without it the same code
// runs over temporary blocks.
//
// Online softmax: Milakov and Gimelshein, arXiv 1805.02867; FlashAttention-2, arXiv 2307.08691.
#pragma once

#include "kernels/op.h"

namespace troupe {

void attention_cpu(const KernelArgs&);
void attention_gradient_cpu(const KernelArgs&);
void attention_sink_gradient_cpu(const KernelArgs&);
std::vector<Shape> attention_shapes(const Attributes&, std::span<const Shape> inputs);
std::vector<Shape> attention_gradient_shapes(const Attributes&, std::span<const Shape> inputs);
void attention_gradient_rule(GradientBuilder&);

// q [t, num_attention_heads * head_dim], k and v [t, num_key_value_heads * head_dim], f32 or bf16,
// and, if the model has them, sinks f32 [num_attention_heads]
// -> out like q, log_sum_exp f32 [t, num_attention_heads].
// Reads num_attention_heads, num_key_value_heads, head_dim, soft_cap, alibi_slopes and, with a
// cache, layer.
inline constexpr OpDef attention = {
    .name = "attention",
    .axes = "tq, tk, tk -> tq, th",
    .whole = "t",
    .dtypes = "=f",
    .shapes = attention_shapes,
    .gradient = attention_gradient_rule,
    .cpu = attention_cpu,
};

// d_out, q, k, v, out, log_sum_exp -> dq, dk, dv, for packs of whole sequences (no cache). f32
// sums: dk and dv over query blocks ascending, then the group's heads, then rows; dq over key
// blocks ascending, then keys.
inline constexpr OpDef attention_gradient = {
    .name = "attention_gradient",
    .axes = "tq, tq, tk, tk, tq, th -> tq, tk, tk",
    .whole = "t",
    .dtypes = "===",
    .shapes = attention_gradient_shapes,
    .cpu = attention_gradient_cpu,
};

// d_out, out, log_sum_exp, sinks -> the sinks' gradient, a tree over eight token ranges, added on.
inline constexpr OpDef attention_sink_gradient = {
    .name = "attention_sink_gradient",
    .axes = "tq, tq, th, h -> h",
    .dtypes = "f",
    .cpu = attention_sink_gradient_cpu,
};

}  // namespace troupe
