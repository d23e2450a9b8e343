// A response's token rewards: r_t = -beta kl_t at every token, plus the score at the last one,
// which is the end of sequence or, in a truncated response, wherever it stopped. The KL is between
// the log-probs kept at sampling and the reference's, without gradient. Score: clipped to
// +-reward_clip, then minus missing_eos_penalty if truncated (TRL's order).
#pragma once

#include <span>

#include "base/kl_estimator.h"

namespace troupe {

struct RewardShapingConfig {
  double kl_coef = 0.001;  // beta; the KL controller's current value
  KlEstimator kl_penalty = KlEstimator::k1;
  Compat compat = Compat::verl;    // whose clamps the KL has
  double reward_clip = 0;          // 0 turns clipping off
  double missing_eos_penalty = 0;  // at least 0
};

struct ShapedReward {
  double score = 0;    // as it entered the reward: clipped, penalised
  double mean_kl = 0;  // per token of this response; 0 of no tokens
  double sum_kl = 0;
  double sum_reward = 0;  // of all token rewards
};

// Statistics of reward-model scores on samples from before PPO, frozen then: score <- (score -
// mean) / std.
struct ScoreNormalisation {
  double mean = 0;
  double standard_deviation = 1;

  double apply(double score) const { return (score - mean) / standard_deviation; }
};
ScoreNormalisation score_normalisation(std::span<const double> scores);  // throws unless they vary

// One value per response token, at least one token.
template <class T>
ShapedReward shape_rewards(const RewardShapingConfig& config, std::span<const T> kept_log_probs,
                           std::span<const T> reference_log_probs, double score, bool truncated,
                           std::span<T> rewards);

}  // namespace troupe
