// Puts one op where two neighbours touch the same rows one after the other: products and the norm
// before them that nothing else reads, a residual connection and the norm of its sum, or else the
// product before it, products and their biases, gate and up and SwiGLU of the two, a norm's
// gradient and the addition of the stream's own. No bit changes; what the first makes is still in a
// cache when the second reads it.
#pragma once

#include "graph/graph.h"

namespace troupe {

// Run last: ops that it makes have neither gradients nor sharding rules that anyone needs any more.
void fuse_neighbours(Graph& graph);

}  // namespace troupe
