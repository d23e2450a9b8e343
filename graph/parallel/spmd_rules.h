// What an op asks of its inputs' placements and makes of them: read off its axes string, or, for
// irregular ops, a rule of its own.
#pragma once

#include <span>
#include <vector>

#include "graph/graph.h"

namespace troupe {

// Where a node's values are before anything is converted; weights and their gradients stay.
struct NodeValues {
  const GraphNode& node;
  std::span<const Placement> inputs, outputs;  // outputs: of weight gradients; others are replicate
  std::span<const bool> fixed_inputs, fixed_outputs;
  int num_shards = 1;
};

// What the node runs with on one shard.
struct NodePlacement {
  std::vector<Placement> inputs, outputs;
  Attributes attributes;      // of one shard; `shard` itself is set by whoever builds it
  bool selects_rows = false;  // the output has those rows alone that are here
};

// Throws an Error naming the op and its axes where the placements of weights cannot be had.
NodePlacement place_node(const NodeValues& values);

}  // namespace troupe
