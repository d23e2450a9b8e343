// Helpers that give a step's numbers verl's names (verl/trainer/ppo/metric_utils.py).
#pragma once

#include <map>
#include <span>
#include <string>

#include "base/trajectory.h"

namespace troupe {

using Metrics = std::map<std::string, double>;

// Adds <name>/mean, <name>/max and <name>/min; nothing of no values.
void add_mean_max_min(Metrics& metrics, const std::string& name, std::span<const double> values);

// response_length/{mean,max,min,clip_ratio} and prompt_length/{mean,max,min}; clip_ratio is the
// share of responses that ended by length.
void add_lengths(Metrics& metrics, std::span<const Trajectory> trajectories);

// 1 - var(returns - values) / (var(returns) + 1e-5), unbiased: critic/vf_explained_var.
double explained_variance(std::span<const double> returns, std::span<const double> values);

// training/rollout_log_probs_diff_max, training/rollout_probs_diff_max and the number of tokens
// compared, training/rollout_probs_compared; further calls on the same metrics add their tokens.
// One finite value per response token: kept while sampling, and computed again by the trainer.
void add_rollout_difference(Metrics& metrics, std::span<const float> kept,
                            std::span<const float> trained);

}  // namespace troupe
