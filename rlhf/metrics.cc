#include "rlhf/metrics.h"

#include <algorithm>
#include <cmath>
#include <functional>
#include <vector>

#include "base/error.h"
#include "base/portable_math.h"
#include "rlhf/whiten.h"

namespace troupe {

void add_mean_max_min(Metrics& metrics, const std::string& name, std::span<const double> values) {
  if (values.empty()) return;
  metrics[name + "/mean"] = masked_moments<double>(values, {}, false).mean;
  metrics[name + "/max"] = *std::max_element(values.begin(), values.end());
  metrics[name + "/min"] = *std::min_element(values.begin(), values.end());
}

void add_lengths(Metrics& metrics, std::span<const Trajectory> trajectories) {
  std::vector<double> prompts, responses, truncated;
  for (const auto& trajectory : trajectories) {
    prompts.push_back(static_cast<double>(trajectory.prompt_ids.size()));
    responses.push_back(static_cast<double>(trajectory.response_ids.size()));
    truncated.push_back(trajectory.truncated);
  }
  add_mean_max_min(metrics, "prompt_length", prompts);
  add_mean_max_min(metrics, "response_length", responses);
  if (truncated.empty()) return;
  metrics["response_length/clip_ratio"] = masked_moments<double>(truncated, {}, false).mean;
}

double explained_variance(std::span<const double> returns, std::span<const double> values) {
  CHECK(returns.size() == values.size(), returns.size(), values.size());
  std::vector<double> errors(returns.size());
  std::transform(returns.begin(), returns.end(), values.begin(), errors.begin(), std::minus<>());
  const double left = masked_moments<double>(errors, {}, true).variance;
  return 1 - left / (masked_moments<double>(returns, {}, true).variance + 1e-5);
}

void add_rollout_difference(Metrics& metrics, std::span<const float> kept,
                            std::span<const float> trained) {
  CHECK(kept.size() == trained.size(), kept.size(), trained.size());
  double& log_probs = metrics["training/rollout_log_probs_diff_max"];
  double& probs = metrics["training/rollout_probs_diff_max"];
  for (size_t t = 0; t < kept.size(); ++t) {
    CHECK(std::isfinite(kept[t]) && std::isfinite(trained[t]), t, kept[t], trained[t]);
    log_probs = std::max(log_probs, std::fabs(static_cast<double>(kept[t]) - trained[t]));
    probs = std::max(probs, std::fabs(portable_exp(kept[t]) - portable_exp(trained[t])));
  }
  metrics["training/rollout_probs_compared"] += static_cast<double>(kept.size());
}

}  // namespace troupe
