// A request, and a sequence that a generator has running for one.
#pragma once

#include <cstdint>
#include <vector>

#include "base/trajectory.h"
#include "kernels/sampling/sample.h"

namespace troupe {

struct GenerationRequest {
  int64_t tag = 0;    // the caller's name for it
  TrajectoryKey key;  // addresses its randomness
  std::vector<int32_t> prompt_ids;
  SamplingOptions sampling;  // temperature 0 is greedy
  uint64_t seed = 0;
  Purpose purpose = Purpose::kSampling;
  int64_t max_new_tokens = 0;
  std::vector<int32_t> end_ids;  // any of them ends the sequence; empty: only length does
};

struct Sequence {
  GenerationRequest request;
  std::vector<int32_t> token_ids;  // prompt and response
  std::vector<float> log_probs;
  std::vector<int32_t> blocks;  // of the cache; the sequence holds each of them
  int64_t num_cached = 0;
  int64_t num_scheduled = 0;  // in this step
  bool ended = false;

  int64_t size() const { return static_cast<int64_t>(token_ids.size()); }
  int64_t num_new() const { return size() - static_cast<int64_t>(request.prompt_ids.size()); }
};

}  // namespace troupe
