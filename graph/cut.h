// Cuts a model's forward graph into parts that run one after another: pipeline stages, or a
// generator's body and head.
#pragma once

#include <vector>

#include "graph/graph.h"

namespace troupe {

// `first_blocks` holds the first block of each part, ascending from 0. Between two neighbouring
// parts exactly one activation may pass; it is the earlier part's output "hidden" and the later
// part's input "hidden". Model inputs and outputs go with the part that uses or makes them.
std::vector<Graph> cut_at_blocks(const Graph& model, const std::vector<int>& first_blocks);

// Where to cut `num_layers` layers for `num_stages` stages, as evenly as possible; earlier stages
// get the larger share, since the head runs on the last one. Throws when a stage would be empty.
std::vector<int> even_stages(int num_layers, int num_stages);

}  // namespace troupe
