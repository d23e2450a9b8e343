// The critic's clipped squared error with its gradient (verl's compute_value_loss, OpenRLHF's
// ValueLoss): with v the new value, R the return, u the value from before the step,
//   loss = sum_t weight_t scale max((v - R)^2, (clamp(v, u - e, u + e) - R)^2) / 2
#pragma once

#include <cstdint>
#include <span>

namespace troupe {

struct ValueLossConfig {
  double cliprange_value = 0.5;  // e; 0 turns clipping off
};

// One value per token, all of one length; weight 0 masks a token.
template <class T>
struct ValueLossInputs {
  std::span<const T> values, old_values, returns, weight;
};

struct ValueLossSums {
  double loss = 0;      // weighted and scaled
  double values = 0;    // plain sum: critic/vpred_mean after division by tokens
  int64_t clipped = 0;  // tokens whose clipped error is the larger: critic/vf_clipfrac
  int64_t tokens = 0;

  ValueLossSums& operator+=(const ValueLossSums& other);
};

// Writes d loss / d values. `scale` as in policy_loss.h.
template <class T>
ValueLossSums value_loss(const ValueLossConfig& config, const ValueLossInputs<T>& inputs, T scale,
                         std::span<T> d_values);

}  // namespace troupe
