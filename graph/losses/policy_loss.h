// The clipped policy-gradient loss of PPO and GRPO with its gradient (Schulman et al. 2017, dual
// clip of Ye et al. 2020; the numbers of verl's compute_policy_loss_vanilla). Per token, with r =
// exp(clamp(log_prob - old_log_prob, +-log_ratio_limit)) and advantage A:
//   L1 = -A r    L2 = -A clamp(r, 1 - low, 1 + high)    L3 = -A c
//   pg = A < 0 ? min(L3, max(L1, L2)) : max(L1, L2)
//   loss = sum_t weight_t scale (importance_t pg_t - entropy_coeff entropy_t + kl_loss_coef kl_t)
// A pack is one call; the caller adds the sums over packs.
#pragma once

#include <cstdint>
#include <span>

#include "base/kl_estimator.h"

namespace troupe {

struct PolicyLossConfig {
  double clip_ratio_low = 0.2;
  double clip_ratio_high = 0.2;
  double clip_ratio_c = 3.0;      // dual clip, above 1; 0 turns it off
  double log_ratio_limit = 20.0;  // 0 turns it off
  double entropy_coeff = 0.0;
  double kl_loss_coef = 0.0;  // above 0 needs reference_log_prob
  KlEstimator kl_loss_type = KlEstimator::k3;
  Compat compat = Compat::verl;  // whose clamps the KL has
};

// One value per token, all of one length; a token of weight 0 is masked: nothing of it is read into
// any sum. Spans marked optional may be empty.
template <class T>
struct PolicyLossInputs {
  std::span<const T> log_prob, old_log_prob, advantages;
  std::span<const T> weight;   // 1 = token-mean; token_weights() has the other aggregations
  std::span<const T> entropy;  // optional unless entropy_coeff is not 0
  std::span<const T> reference_log_prob;  // optional unless kl_loss_coef is not 0
  std::span<const T> importance;          // optional: rollout correction, a constant
};

// Sums over this call's tokens. Divide those without `scale` in them by `tokens` for verl's
// metrics.
struct PolicyLossSums {
  double loss = 0, pg_loss = 0,
         kl_loss = 0;                      // weighted and scaled: their sum over packs is the mean
  double entropy = 0, ppo_kl = 0;          // plain sums; ppo_kl adds -log ratio (k1)
  int64_t clipped = 0, clipped_lower = 0;  // tokens: actor/pg_clipfrac, actor/pg_clipfrac_lower
  int64_t tokens = 0;                      // with a weight other than 0

  PolicyLossSums& operator+=(const PolicyLossSums& other);
};

// Writes d loss / d log_prob and, where `d_entropy` is not empty, d loss / d entropy. `scale` is
// known before the first backward: 1 / (tokens of weight 1 in the global batch) for token-mean.
template <class T>
PolicyLossSums policy_loss(const PolicyLossConfig& config, const PolicyLossInputs<T>& inputs,
                           T scale, std::span<T> d_log_prob, std::span<T> d_entropy = {});

}  // namespace troupe
