// Generalised advantage estimation (Schulman et al. 2016) over one response:
//   delta_t = r_t + gamma V_{t+1} - V_t      A_t = delta_t + gamma lambda A_{t+1}
// with V = 0 and A = 0 after the end, truncated or not. Returns are the unwhitened A_t + V_t.
#pragma once

#include <span>

#include "base/kl_estimator.h"

namespace troupe {

struct GaeConfig {
  double gamma = 1.0;
  double lam = 1.0;
  // How a hole in the mask (an observation inside a response) is crossed: verl carries the next
  // value and the running sum over it unchanged; OpenRLHF and TRL see value 0 and let both decay
  // through it.
  Compat compat = Compat::verl;
};

// One value per token of a response. An empty mask means that every token is the policy's own;
// otherwise 0 marks a token that is not. Writes advantages and returns of every token; those of
// masked tokens hold what the profile's framework has there.
template <class T>
void gae(const GaeConfig& config, std::span<const T> rewards, std::span<const T> values,
         std::span<const T> mask, std::span<T> advantages, std::span<T> returns);

}  // namespace troupe
