// The tokens that top-k, top-p and min-p leave, and the choice among them.
#pragma once

#include <span>

#include "kernels/sampling/sample.h"

namespace troupe {

// `weights` are exp((logit - largest logit) / temperature), `share` lies in [0, 1). Likelier comes
// first, of equals the lower id.
int32_t choose_filtered(std::span<const float> logits, std::span<const float> weights,
                        const SamplingOptions& options, double share);

// Among all tokens, by id.
int32_t choose_any(std::span<const float> weights, double share);

}  // namespace troupe
