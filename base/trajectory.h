// A prompt and a response to it, with what was known when it was sampled.
#pragma once

#include <compare>
#include <cstdint>
#include <string>
#include <vector>

namespace troupe {

// Trajectories are ordered by this key before anything is summed, whatever order they arrive in.
struct TrajectoryKey {
  int64_t prompt_id = 0;  // counts hand-outs in the run
  int32_t sample_index = 0;
  auto operator<=>(const TrajectoryKey&) const = default;
};

struct Trajectory {
  TrajectoryKey key;
  int64_t step = 0;            // the training step it was generated for
  int64_t weight_version = 0;  // optimizer steps that the generating weights had seen
  std::vector<int32_t> prompt_ids;
  std::vector<int32_t> response_ids;  // with the end-of-sequence token, if there is one
  std::vector<float> log_probs;       // of response_ids, kept at sampling
  bool truncated = false;             // ended by length, not by the end-of-sequence token
  std::string answer;                 // what the task expects, where it knows

  int64_t num_tokens() const {
    return static_cast<int64_t>(prompt_ids.size() + response_ids.size());
  }
};

}  // namespace troupe
