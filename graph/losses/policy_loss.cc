#include "graph/losses/policy_loss.h"

#include <algorithm>

#include "base/error.h"
#include "base/portable_math.h"

namespace troupe {
namespace {

struct Token {
  double loss = 0, pg_loss = 0, kl = 0, entropy = 0, d_log_prob = 0, log_ratio = 0;
  bool clipped = false, clipped_lower = false;
};

Token policy_gradient(const PolicyLossConfig& config, double log_prob, double old_log_prob,
                      double advantage) {
  const double limit = config.log_ratio_limit, difference = log_prob - old_log_prob;
  Token token;
  token.log_ratio = limit > 0 ? std::clamp(difference, -limit, limit) : difference;
  const double ratio = portable_exp(token.log_ratio);
  const double plain = -advantage * ratio;
  const double bounded =
      -advantage * std::clamp(ratio, 1 - config.clip_ratio_low, 1 + config.clip_ratio_high);
  token.clipped = bounded > plain;
  token.pg_loss = std::max(plain, bounded);
  const double ceiling = -advantage * config.clip_ratio_c;
  token.clipped_lower = config.clip_ratio_c > 0 && advantage < 0 && token.pg_loss > ceiling;
  if (token.clipped_lower) token.pg_loss = ceiling;
  const bool constant = token.clipped || token.clipped_lower || token.log_ratio != difference;
  token.d_log_prob = constant ? 0 : plain;
  return token;
}

// All terms of token t, before weight and scale.
template <class T>
Token token_loss(const PolicyLossConfig& config, const PolicyLossInputs<T>& inputs, size_t t) {
  Token token =
      policy_gradient(config, inputs.log_prob[t], inputs.old_log_prob[t], inputs.advantages[t]);
  const double importance = inputs.importance.empty() ? 1 : inputs.importance[t];
  KlValue kl;
  if (!inputs.reference_log_prob.empty()) {
    kl = kl_estimate(inputs.log_prob[t], inputs.reference_log_prob[t], config.kl_loss_type,
                     config.compat);
  }
  token.entropy = inputs.entropy.empty() ? 0 : inputs.entropy[t];
  token.kl = kl.value;
  token.pg_loss *= importance;
  token.loss =
      token.pg_loss - config.entropy_coeff * token.entropy + config.kl_loss_coef * kl.value;
  token.d_log_prob = importance * token.d_log_prob + config.kl_loss_coef * kl.d_log_prob;
  return token;
}

void check_config(const PolicyLossConfig& config) {
  CHECK(config.clip_ratio_low >= 0 && config.clip_ratio_low < 1, config.clip_ratio_low);
  CHECK(config.clip_ratio_high >= 0, config.clip_ratio_high);
  CHECK(config.clip_ratio_c == 0 || config.clip_ratio_c > 1, config.clip_ratio_c);
}

template <class T>
void check_inputs(const PolicyLossConfig& config, const PolicyLossInputs<T>& inputs,
                  size_t d_log_prob, size_t d_entropy) {
  const size_t tokens = inputs.log_prob.size();
  CHECK(inputs.old_log_prob.size() == tokens, inputs.old_log_prob.size(), tokens);
  CHECK(inputs.advantages.size() == tokens, inputs.advantages.size(), tokens);
  CHECK(inputs.weight.size() == tokens, inputs.weight.size(), tokens);
  CHECK(d_log_prob == tokens, d_log_prob, tokens);
  const auto optional_fits = [&](size_t size, bool needed) {
    return size == tokens || (size == 0 && !needed);
  };
  CHECK(optional_fits(inputs.entropy.size(), config.entropy_coeff != 0), inputs.entropy.size(),
        tokens);
  CHECK(optional_fits(inputs.reference_log_prob.size(), config.kl_loss_coef != 0),
        inputs.reference_log_prob.size(), tokens);
  CHECK(optional_fits(inputs.importance.size(), false), inputs.importance.size(), tokens);
  CHECK(optional_fits(d_entropy, false), d_entropy, tokens);
}

}  // namespace

PolicyLossSums& PolicyLossSums::operator+=(const PolicyLossSums& other) {
  loss += other.loss, pg_loss += other.pg_loss, kl_loss += other.kl_loss;
  entropy += other.entropy, ppo_kl += other.ppo_kl;
  clipped += other.clipped, clipped_lower += other.clipped_lower;
  tokens += other.tokens;
  return *this;
}

template <class T>
PolicyLossSums policy_loss(const PolicyLossConfig& config, const PolicyLossInputs<T>& inputs,
                           T scale, std::span<T> d_log_prob, std::span<T> d_entropy) {
  check_config(config);
  check_inputs(config, inputs, d_log_prob.size(), d_entropy.size());
  std::fill(d_log_prob.begin(), d_log_prob.end(), T{0});
  std::fill(d_entropy.begin(), d_entropy.end(), T{0});
  PolicyLossSums sums;
  for (size_t t = 0; t < inputs.log_prob.size(); ++t) {
    if (inputs.weight[t] == 0) continue;
    const T scaled_weight = inputs.weight[t] * scale;
    const Token token = token_loss(config, inputs, t);
    d_log_prob[t] = scaled_weight * static_cast<T>(token.d_log_prob);
    if (!d_entropy.empty()) d_entropy[t] = -scaled_weight * static_cast<T>(config.entropy_coeff);
    sums += {.loss = scaled_weight * token.loss,
             .pg_loss = scaled_weight * token.pg_loss,
             .kl_loss = scaled_weight * token.kl,
             .entropy = token.entropy,
             .ppo_kl = -token.log_ratio,
             .clipped = token.clipped,
             .clipped_lower = token.clipped_lower,
             .tokens = 1};
  }
  return sums;
}

template PolicyLossSums policy_loss(const PolicyLossConfig&, const PolicyLossInputs<float>&, float,
                                    std::span<float>, std::span<float>);
template PolicyLossSums policy_loss(const PolicyLossConfig&, const PolicyLossInputs<double>&,
                                    double, std::span<double>, std::span<double>);

}  // namespace troupe
