// What one micro-batch costs as a built program runs it: kernel calls, FLOPs, bytes to other
// shards.
#pragma once

#include <cstdint>
#include <string>

#include "graph/graph.h"

namespace troupe {

struct ProgramCost {
  int64_t kernel_calls = 0;
  double forward_flops = 0, backward_flops = 0;  // of matrix products and attention
  double sent_bytes = 0;                         // to the other shards
};

// For a pack of `num_tokens` tokens in sequences of `sequence_length` on average.
ProgramCost program_cost(const Graph& graph, int64_t num_tokens, int64_t sequence_length);

// The program for graphviz: ops with their blocks, values with shapes and placements, collectives
// marked.
std::string to_dot(const Graph& graph);

}  // namespace troupe
