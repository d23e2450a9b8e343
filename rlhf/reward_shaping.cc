#include "rlhf/reward_shaping.h"

#include <algorithm>
#include <cmath>

#include "base/error.h"
#include "rlhf/whiten.h"

namespace troupe {
namespace {

double shaped_score(const RewardShapingConfig& config, double score, bool truncated) {
  const double clip = config.reward_clip;
  const double clipped = clip > 0 ? std::clamp(score, -clip, clip) : score;
  return truncated ? clipped - config.missing_eos_penalty : clipped;
}

}  // namespace

ScoreNormalisation score_normalisation(std::span<const double> scores) {
  const auto moments = masked_moments<double>(scores, {}, true);
  CHECK(moments.variance > 0, scores.size(), moments.mean);
  return {moments.mean, std::sqrt(moments.variance)};
}

template <class T>
ShapedReward shape_rewards(const RewardShapingConfig& config, std::span<const T> kept_log_probs,
                           std::span<const T> reference_log_probs, double score, bool truncated,
                           std::span<T> rewards) {
  const size_t tokens = kept_log_probs.size();
  CHECK(tokens > 0);
  CHECK(reference_log_probs.size() == tokens, reference_log_probs.size(), tokens);
  CHECK(rewards.size() == tokens, rewards.size(), tokens);
  CHECK(std::isfinite(score), score);
  ShapedReward shaped{.score = shaped_score(config, score, truncated)};
  for (size_t t = 0; t < tokens; ++t) {
    const double kl =
        kl_estimate(kept_log_probs[t], reference_log_probs[t], config.kl_penalty, config.compat)
            .value;
    const double reward = -config.kl_coef * kl + (t + 1 == tokens ? shaped.score : 0);
    rewards[t] = static_cast<T>(reward);
    shaped.sum_kl += kl;
    shaped.sum_reward += reward;
  }
  shaped.mean_kl = shaped.sum_kl / static_cast<double>(tokens);
  return shaped;
}

template ShapedReward shape_rewards(const RewardShapingConfig&, std::span<const float>,
                                    std::span<const float>, double, bool, std::span<float>);
template ShapedReward shape_rewards(const RewardShapingConfig&, std::span<const double>,
                                    std::span<const double>, double, bool, std::span<double>);

}  // namespace troupe
