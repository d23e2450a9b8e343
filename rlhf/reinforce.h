// Discounted returns of REINFORCE++ (Hu 2025; verl's
// compute_reinforce_plus_plus_outcome_advantage):
//   R_t = r_t + gamma R_{t+1}, carried unchanged over masked tokens, where the result is 0.
// The advantages are these returns, whitened over the global batch.
#pragma once

#include <span>

namespace troupe {

// One value per token of a response; an empty mask means all ones.
template <class T>
void discounted_returns(double gamma, std::span<const T> rewards, std::span<const T> mask,
                        std::span<T> returns);

}  // namespace troupe
