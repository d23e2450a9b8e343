// Penalties on what a sequence has said already. Repetition as in arXiv 1909.05858, over prompt and
// response; frequency and presence as inference services define them, over the response alone.
#pragma once

#include <span>

#include "kernels/sampling/sample.h"

namespace troupe {

bool has_penalties(const SamplingOptions& options);

// Repetition first, then frequency and presence.
void apply_penalties(std::span<float> logits, const SamplingOptions& options, const SeenIds& seen);

}  // namespace troupe
