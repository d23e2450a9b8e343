// From a model's program for one device to the program of one shard of a tensor group: placements
// are propagated from the weights' plan, and where an op asks for another placement than a value
// has, a collective is put in between.
#pragma once

#include "graph/graph.h"
#include "graph/parallel/weight_plan.h"

namespace troupe {

struct ShardOptions {
  WeightPlan plan;
  int shard = 0;
  // Sequence parallelism: between layers, hidden states are sharded over tokens.
  bool sequence = false;
};

// `whole` has its backward pass, if it is to have one. Inputs and outputs keep their names; hidden
// states that cross to other stages are each shard's part under sequence parallelism. Throws an
// Error that names weights, their shapes and placements where the plan's do not fit together.
Graph partition(const Graph& whole, const ShardOptions& options);

}  // namespace troupe
