// How the shards of a tensor group turn one placement of a value into another: explicit ops, so
// that a program says all that it sends. Every shard runs them in the same order, on
// context.tensor_group; attributes.shard and num_shards say which one this is.
//
// A partial value is in f32: one addend of each shard, to be added as the binary counter over
// shards (devices/communicator.h) and only then rounded to the result's dtype. A value that is
// sharded over tokens is cut at shard_border().
#pragma once

#include "kernels/op.h"

namespace troupe {

void all_reduce_cpu(const KernelArgs&);
void reduce_scatter_cpu(const KernelArgs&);
void all_gather_cpu(const KernelArgs&);
void take_shard_cpu(const KernelArgs&);
void take_columns_cpu(const KernelArgs&);
void gather_columns_cpu(const KernelArgs&);
void tokens_to_columns_cpu(const KernelArgs&);
void columns_to_tokens_cpu(const KernelArgs&);
void select_rows_cpu(const KernelArgs&);
void accumulate_cpu(const KernelArgs&);
std::vector<Shape> to_shard_shapes(const Attributes&, std::span<const Shape> inputs);
std::vector<Shape> to_whole_shapes(const Attributes&, std::span<const Shape> inputs);
std::vector<Shape> to_columns_shapes(const Attributes&, std::span<const Shape> inputs);
std::vector<Shape> from_columns_shapes(const Attributes&, std::span<const Shape> inputs);
std::vector<Shape> tokens_to_columns_shapes(const Attributes&, std::span<const Shape> inputs);
std::vector<Shape> columns_to_tokens_shapes(const Attributes&, std::span<const Shape> inputs);
std::vector<Shape> all_reduce_shapes(const Attributes&, std::span<const Shape> inputs);

// Partial -> replicated. Several values go in one message; their memory is written over.
inline constexpr OpDef all_reduce = {
    .name = "all_reduce",
    .group_calls = GroupCalls::only,
    .shapes = all_reduce_shapes,
    .cpu = all_reduce_cpu,
};

// Partial [t, c] -> [this shard's t, c].
inline constexpr OpDef reduce_scatter = {
    .name = "reduce_scatter",
    .group_calls = GroupCalls::only,
    .shapes = to_shard_shapes,
    .cpu = reduce_scatter_cpu,
};

// [this shard's t, c] -> [t, c].
inline constexpr OpDef all_gather = {
    .name = "all_gather",
    .group_calls = GroupCalls::only,
    .shapes = to_whole_shapes,
    .cpu = all_gather_cpu,
};

// Replicated [t, c] -> [this shard's t, c]; nothing is sent.
inline constexpr OpDef take_shard = {
    .name = "take_shard",
    .shapes = to_shard_shapes,
    .cpu = take_shard_cpu,
};

// Replicated [t, c] -> [t, this shard's c]; nothing is sent.
inline constexpr OpDef take_columns = {
    .name = "take_columns",
    .shapes = to_columns_shapes,
    .cpu = take_columns_cpu,
};

// [t, this shard's c] -> [t, c].
inline constexpr OpDef gather_columns = {
    .name = "gather_columns",
    .group_calls = GroupCalls::only,
    .shapes = from_columns_shapes,
    .cpu = gather_columns_cpu,
};

// [this shard's t, c] -> [t, this shard's c], and back: an all-to-all, whose parts are as long as
// the longest of them.
inline constexpr OpDef tokens_to_columns = {
    .name = "tokens_to_columns",
    .group_calls = GroupCalls::only,
    .shapes = tokens_to_columns_shapes,
    .cpu = tokens_to_columns_cpu,
};
inline constexpr OpDef columns_to_tokens = {
    .name = "columns_to_tokens",
    .group_calls = GroupCalls::only,
    .shapes = columns_to_tokens_shapes,
    .cpu = columns_to_tokens_cpu,
};

// The rows of a vocabulary-sharded look-up: each token's is taken from the shard that has its id,
// never added. (rows [t, c], the table's part here) -> [t, c].
inline constexpr OpDef select_rows = {
    .name = "select_rows",
    .axes = "tc, vc -> tc",
    .group_calls = GroupCalls::only,
    .cpu = select_rows_cpu,
};

// A weight gradient's buffer += what was summed elsewhere.
inline constexpr OpDef accumulate = {
    .name = "accumulate",
    .axes = "c -> c",
    .dtypes = "f",
    .cpu = accumulate_cpu,
};

}  // namespace troupe
