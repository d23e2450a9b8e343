// Weights of a model made on the spot: normal, addressed by (seed, weight name, element), so that
// any process makes the same ones.
#pragma once

#include "graph/models/llama_config.h"
#include "graph/parameters.h"

namespace troupe {

// Embedding 0.02; matrices 1 / sqrt(inputs), those that write into the residual stream divided by
// sqrt(2 layers) more (GPT-2's rule); norms 1; biases and value heads 0.
WeightReader initial_weights(const LlamaConfig& config, uint64_t seed);

}  // namespace troupe
