// All matrix products of a training step of SmolLM2-135M, ours in the one order against oneDNN's.
#pragma once

#include <cstdint>

#include "base/dtype.h"

namespace troupe {

class ThreadPool;

// Prints their time, and oneDNN's in pairs with it: all of them, and by what they are for.
void time_training_step(DType dtype, int num_pairs, int64_t num_tokens, ThreadPool& pool);

}  // namespace troupe
