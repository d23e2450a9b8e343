// Cuts a program's backward pass in two, as zero-bubble schedules need (arXiv 2401.10241): what the
// stage before waits for, and weight gradients, which can be made later.
#pragma once

#include "graph/graph.h"

namespace troupe {

// Reorders the backward nodes: gradients of activations come first, with what is made in the same
// visit (the head's weight gradient), then weight gradients. Both parts keep their order.
void split_backward(Graph& graph);

}  // namespace troupe
