// Where each activation of a graph lies in one arena: buffers whose lives do not overlap share
// memory.
#pragma once

#include <cstdint>
#include <vector>

#include "graph/graph.h"

namespace troupe {

enum class Lifetime {
  forward_only,          // nothing is kept for a backward pass
  forward_and_backward,  // the whole node list runs
};

struct MemoryPlan {
  std::vector<int64_t> offsets;  // bytes into the arena, by value; -1 where a value isn't in it
  int64_t arena_bytes = 0;
};

// For packs of at most `num_tokens` tokens. Outputs of the graph live to the end.
MemoryPlan plan_memory(const Graph& graph, Lifetime lifetime, int64_t num_tokens);

// Bytes of a value for a pack of `num_tokens` tokens, on the shard that has most of them.
int64_t num_bytes(const Value& value, int64_t num_tokens, int num_shards = 1);

}  // namespace troupe
