// The rows of a table [vocab, hidden] that the pack's token ids name: [tokens, hidden], in the
// table's dtype (f32 or bf16; the table is plain row-major memory). Where attributes.num_shards > 1
// the table is part attributes.shard of the vocabulary: rows of other ids are left as they are.
#pragma once

#include "kernels/op.h"

namespace troupe {

void embedding_cpu(const KernelArgs&);
void embedding_weight_gradient_cpu(const KernelArgs&);
void differentiate_embedding(GradientBuilder&);
std::vector<Shape> embedding_shapes(const Attributes&, std::span<const Shape> inputs);

inline constexpr OpDef embedding = {
    .name = "embedding",
    .axes = "vc -> tc",
    .shapes = embedding_shapes,  // t is the pack's
    .gradient = differentiate_embedding,
    .cpu = embedding_cpu,
};

// (dy, table) -> the table's gradient, onto which dy's rows are added in token order.
inline constexpr OpDef embedding_weight_gradient = {
    .name = "embedding_weight_gradient",
    .axes = "tc, vc -> vc",
    .dtypes = "f",
    .cpu = embedding_weight_gradient_cpu,
};

}  // namespace troupe
