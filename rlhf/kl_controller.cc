#include "rlhf/kl_controller.h"

#include <algorithm>

#include "base/error.h"

namespace troupe {

KlController::KlController(const KlControllerConfig& controller)
    : config(controller), kl_coef(controller.kl_coef) {
  CHECK(config.kl_coef >= 0, config.kl_coef);
  CHECK(!config.adaptive || (config.target_kl > 0 && config.horizon > 0), config.target_kl,
        config.horizon);
}

void KlController::update(double mean_kl, int64_t trajectories) {
  if (!config.adaptive) return;
  const double error = std::clamp(mean_kl / config.target_kl - 1, -0.2, 0.2);
  kl_coef *= 1 + error * static_cast<double>(trajectories) / config.horizon;
}

}  // namespace troupe
