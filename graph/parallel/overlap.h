// Collectives beside computing: which of a program's may go on while later nodes compute, and how
// far. Their bits and their order in the group stay the same.
#pragma once

#include <vector>

#include "graph/graph.h"

namespace troupe {

// By node: the one before which it must be done, the first that reads what it makes or its part of
// the program's end; the node itself where there is nothing to compute meanwhile.
std::vector<size_t> awaited_by(const Graph& graph);

// Moves gathers of the backward pass before the product that precedes them, if they can be made
// there, so that they go on beside it.
void gather_early(Graph& graph);

}  // namespace troupe
