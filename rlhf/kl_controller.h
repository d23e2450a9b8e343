// The weight of the KL penalty over a run: fixed, or drawn towards a target KL (Ziegler et al.
// 2019):
//   beta <- beta (1 + clamp(KL / target - 1, +-0.2) n / horizon)
#pragma once

#include <cstdint>

namespace troupe {

struct KlControllerConfig {
  bool adaptive = false;
  double kl_coef = 0.001;  // where beta starts
  double target_kl = 0.1;  // adaptive only, above 0
  double horizon = 10000;  // adaptive only, in trajectories, above 0
};

// Plain state: a checkpoint keeps `kl_coef`.
struct KlController {
  explicit KlController(const KlControllerConfig& config);

  // Once a step, with the global batch's mean KL and its number of trajectories.
  void update(double mean_kl, int64_t trajectories);

  KlControllerConfig config;
  double kl_coef;
};

}  // namespace troupe
