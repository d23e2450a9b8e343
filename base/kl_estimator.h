// Per-token estimators of KL(policy || reference), with d = reference log-prob - policy log-prob:
//   k1 = -d    abs = |d|    k2 = d^2 / 2    k3 = e^d - d - 1        (Schulman 2020)
// Frameworks clamp differently, so a profile says whose numbers to give. Shared by the KL in the
// reward (rlhf/) and the KL in the loss (graph/losses/), hence here.
#pragma once

#include <string_view>

namespace troupe {

enum class KlEstimator { k1, abs, k2, k3 };

// Whose details to follow where frameworks disagree: clamps, variances, epsilons, holes in the
// mask.
enum class Compat { verl, openrlhf, trl };

struct KlValue {
  double value = 0;
  double d_log_prob = 0;  // derivative by the policy's log-prob; 0 where a clamp holds
};

// Clamps: verl bounds k3's d by 20 and its value by 10; OpenRLHF bounds every value by 10; TRL
// none.
KlValue kl_estimate(double log_prob, double reference_log_prob, KlEstimator estimator,
                    Compat compat = Compat::verl);

// "k1" or "kl", "abs", "k2" or "mse", "k3" or "low_var_kl" (verl's names too); throws on others.
KlEstimator kl_estimator_from_name(std::string_view name);
Compat compat_from_name(std::string_view name);  // "verl", "openrlhf", "trl"; throws on others

}  // namespace troupe
