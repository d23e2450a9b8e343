// Collectives beside computing: which of a program's may go on while later nodes compute, and how
// far. Their bits and their order in the group stay the same.
#pragma once

#include <vector>

#include "graph/graph.h"

namespace troupe {

// By node: the one before which it must be done, the first that reads what it makes or its part of
// the program's end; the node itself where there is nothing to compute meanwhile.
std::vector<size_t> awaited_by(const Graph& graph);

// Orders the backward pass so that collectives go on beside products: weight gradients come after
// the sum of the input gradient that was to follow them, and gathers before the product that
// precedes them, where they can be made there.
void make_room_beside_products(Graph& graph);

}  // namespace troupe
