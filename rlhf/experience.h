// From scored trajectories to what a step trains on: shaped rewards, advantages, returns, and
// verl's metrics of them. The one place where PPO and GRPO differ.
#pragma once

#include <span>
#include <vector>

#include "base/trajectory.h"
#include "rlhf/gae.h"
#include "rlhf/group_advantages.h"
#include "rlhf/metrics.h"
#include "rlhf/reward_shaping.h"

namespace troupe {

enum class AdvEstimator { gae, grpo, rloo };

struct ExperienceConfig {
  AdvEstimator adv_estimator = AdvEstimator::gae;
  GaeConfig gae;
  bool norm_adv_by_std_in_grpo = true;
  bool whiten_advantages = true;  // gae's, over all response tokens of the step
  bool use_kl_in_reward = true;
  RewardShapingConfig shaping;
};

// A trajectory and what the other roles said of it; [response tokens] each.
struct ScoredTrajectory {
  Trajectory trajectory;
  double score = 0;
  std::vector<float> reference_log_probs;  // empty: there is no reference
  std::vector<float> values;               // gae only
};

struct ResponseAdvantages {
  std::vector<float> advantages, returns;  // [response tokens]; returns of gae only
};

struct ExperienceColumns {
  std::vector<ResponseAdvantages> responses;  // in the order given
  Metrics metrics;
  double mean_kl = 0;  // nats per token, mean over responses: what a KL controller is told
};

// `trajectories` are sorted by key: sums run in that order.
ExperienceColumns make_experience(const ExperienceConfig& config,
                                  std::span<const ScoredTrajectory> trajectories);

}  // namespace troupe
