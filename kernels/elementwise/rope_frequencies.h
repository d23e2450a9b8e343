// RoPE's angles per position, and their scalings for longer contexts, as transformers computes
// them: [head_dim / 2] values, worked out in double, kept in f32.
#pragma once

#include <cstdint>
#include <vector>

namespace troupe {

// rope_theta^(-2i / head_dim) (Su et al., 2021).
std::vector<float> default_rope_frequencies(int64_t head_dim, double rope_theta);

// All divided by factor.
std::vector<float> linear_rope_frequencies(int64_t head_dim, double rope_theta, double factor);

struct Llama3RopeScaling {
  double factor = 8;
  double low_freq_factor = 1;
  double high_freq_factor = 4;
  double original_max_position_embeddings = 8192;
};
// Long wavelengths are divided by factor, short ones kept, and those between are blended.
std::vector<float> llama3_rope_frequencies(int64_t head_dim, double rope_theta,
                                           const Llama3RopeScaling& scaling);

}  // namespace troupe
