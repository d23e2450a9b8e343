// Choosing the next token from a row of logits. What is chosen among is shaped by the penalties,
// temperature, top-k, top-p and min-p, in this order; the log-prob that is kept is not
// (kernels/loss/log_softmax.h). The random number is that of an address, so a row and an address
// give the same token anywhere.
#pragma once

#include <cstdint>
#include <span>

#include "base/philox.h"

namespace troupe {

struct SamplingOptions {
  float temperature = 1;         // 0 is greedy: the largest logit, of equals the lowest id
  int32_t top_k = 0;             // 0: all
  float top_p = 1;               // the smallest set of likeliest tokens that reaches it
  float min_p = 0;               // at least this share of the likeliest token's probability
  float repetition_penalty = 1;  // divides positive logits of ids seen so far, multiplies others
  float frequency_penalty = 0;   // is subtracted for each time that an id was generated
  float presence_penalty = 0;    // is subtracted once for each id that was generated
};

// A sequence so far: its prompt, then what was generated.
struct SeenIds {
  std::span<const int32_t> ids;
  size_t num_prompt = 0;
};

struct SampledToken {
  int32_t id = 0;
  float log_prob = 0;  // by the temperature-scaled, otherwise unshaped distribution; greedy: by 1
};

// Throws on options out of range, and where no logit is finite or one is a NaN.
SampledToken sample(std::span<const float> logits, const SamplingOptions& options,
                    const SeenIds& seen, const RandomAddress& address);

}  // namespace troupe
