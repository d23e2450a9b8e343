#include "actors/train/micro_batch_loss.h"

#include <cmath>

#include "base/error.h"
#include "graph/losses/nll_loss.h"
#include "graph/losses/policy_loss.h"
#include "graph/losses/ranking_loss.h"
#include "graph/losses/value_loss.h"

namespace troupe {
namespace {

// The part of a column that goes with the outputs.
std::span<const float> column(const MicroBatch& batch, const std::string& name,
                              const HeadOutputs& outputs) {
  auto found = batch.columns.find(name);
  CHECK(found != batch.columns.end(), batch.index, name);
  CHECK(found->second.size() == batch.token_ids.size(), batch.index, name, found->second.size(),
        batch.token_ids.size());
  return std::span(found->second).subspan(outputs.first, outputs.size());
}

MicroBatchLoss nll(const LossSpec& spec, const MicroBatch& batch, const HeadOutputs& outputs) {
  MicroBatchLoss loss;
  auto& d_log_prob = loss.gradients["log_prob"];
  d_log_prob.resize(outputs.size());
  loss.gradients["entropy"].resize(outputs.size());
  const auto sums =
      nll_loss<float>(outputs.log_prob, column(batch, "weight", outputs), spec.scale, d_log_prob);
  loss.sums = {{"loss", sums.loss}, {"tokens", static_cast<double>(sums.tokens)}};
  return loss;
}

// How far the trainer's log-probs are from those that the rollout engine kept.
void compare_with_rollout(const MicroBatch& batch, const HeadOutputs& outputs,
                          MicroBatchLoss& loss) {
  const auto weight = column(batch, "weight", outputs),
             kept = column(batch, "old_log_prob", outputs);
  double sum = 0, probability_sum = 0, compared = 0;
  double largest = 0, probability_largest = 0;
  const auto keep_largest = [](double& kept, double difference) {
    // Written so that a NaN counts as a difference, too.
    if (!(difference <= kept)) kept = std::isnan(difference) ? INFINITY : difference;
  };
  for (size_t i = 0; i < weight.size(); ++i) {
    if (weight[i] == 0) continue;
    const double ours = outputs.log_prob[i], theirs = kept[i];
    const double difference = std::abs(ours - theirs);
    const double probability_difference = std::abs(std::exp(ours) - std::exp(theirs));
    sum += difference;
    probability_sum += probability_difference;
    keep_largest(largest, difference);
    keep_largest(probability_largest, probability_difference);
    compared += 1;
  }
  loss.sums["rollout_log_probs_diff"] = sum;
  loss.sums["rollout_probs_diff"] = probability_sum;
  loss.sums["rollout_probs_compared"] = compared;
  loss.maxima["rollout_log_probs_diff_max"] = largest;
  loss.maxima["rollout_probs_diff_max"] = probability_largest;
}

MicroBatchLoss policy(const LossSpec& spec, const MicroBatch& batch, const HeadOutputs& outputs) {
  MicroBatchLoss loss;
  auto& d_log_prob = loss.gradients["log_prob"];
  auto& d_entropy = loss.gradients["entropy"];
  d_log_prob.resize(outputs.size());
  d_entropy.resize(outputs.size());
  PolicyLossConfig config;
  config.clip_ratio_low = spec.clip_ratio_low;
  config.clip_ratio_high = spec.clip_ratio_high;
  config.clip_ratio_c = spec.clip_ratio_c;
  config.entropy_coeff = spec.entropy_coeff;
  config.kl_loss_coef = spec.kl_loss_coef;
  config.kl_loss_type = kl_estimator_from_name(spec.kl_loss_type);
  PolicyLossInputs<float> inputs;
  inputs.log_prob = outputs.log_prob;
  inputs.entropy = outputs.entropy;
  inputs.old_log_prob = column(batch, "old_log_prob", outputs);
  inputs.advantages = column(batch, "advantage", outputs);
  inputs.weight = column(batch, "weight", outputs);
  if (spec.kl_loss_coef != 0)
    inputs.reference_log_prob = column(batch, "reference_log_prob", outputs);
  const auto sums = policy_loss<float>(config, inputs, spec.scale, d_log_prob, d_entropy);
  loss.sums = {{"loss", sums.loss},
               {"pg_loss", sums.pg_loss},
               {"kl_loss", sums.kl_loss},
               {"entropy", sums.entropy},
               {"ppo_kl", sums.ppo_kl},
               {"clipped", static_cast<double>(sums.clipped)},
               {"clipped_lower", static_cast<double>(sums.clipped_lower)},
               {"tokens", static_cast<double>(sums.tokens)}};
  compare_with_rollout(batch, outputs, loss);
  return loss;
}

MicroBatchLoss value(const LossSpec& spec, const MicroBatch& batch, const HeadOutputs& outputs) {
  MicroBatchLoss loss;
  auto& d_values = loss.gradients["values"];
  d_values.resize(outputs.size());
  ValueLossInputs<float> inputs;
  inputs.values = outputs.values;
  inputs.old_values = column(batch, "old_value", outputs);
  inputs.returns = column(batch, "return", outputs);
  inputs.weight = column(batch, "weight", outputs);
  const auto sums =
      value_loss<float>({.cliprange_value = spec.cliprange_value}, inputs, spec.scale, d_values);
  loss.sums = {{"loss", sums.loss},
               {"values", sums.values},
               {"clipped", static_cast<double>(sums.clipped)},
               {"tokens", static_cast<double>(sums.tokens)}};
  return loss;
}

MicroBatchLoss ranking(const LossSpec& spec, const MicroBatch& batch, const HeadOutputs& outputs) {
  const size_t num_pairs = (batch.sequence_starts.size() - 1) / 2;
  CHECK(batch.sequence_starts.size() == 2 * num_pairs + 1, batch.index,
        batch.sequence_starts.size());
  const auto last_row = [&](size_t sequence) { return batch.sequence_starts[sequence + 1] - 1; };
  std::vector<float> chosen(num_pairs), rejected(num_pairs), d_chosen(num_pairs),
      d_rejected(num_pairs);
  for (size_t i = 0; i < num_pairs; ++i) {
    chosen[i] = outputs.values[last_row(2 * i)];
    rejected[i] = outputs.values[last_row(2 * i + 1)];
  }
  RankingLossConfig config;
  config.mean_square_coefficient = spec.mean_square_coefficient;
  const auto sums = ranking_loss<float>(config, {.chosen = chosen, .rejected = rejected},
                                        spec.scale, d_chosen, d_rejected);
  MicroBatchLoss loss;
  auto& d_values = loss.gradients["values"];
  d_values.resize(outputs.size());
  for (size_t i = 0; i < num_pairs; ++i) {
    d_values[last_row(2 * i)] = d_chosen[i];
    d_values[last_row(2 * i + 1)] = d_rejected[i];
  }
  loss.sums = {{"loss", sums.loss},
               {"margin", sums.difference},
               {"right", static_cast<double>(sums.right)},
               {"pairs", static_cast<double>(sums.pairs)}};
  return loss;
}

}  // namespace

MicroBatchLoss micro_batch_loss(const LossSpec& spec, const MicroBatch& batch,
                                const HeadOutputs& outputs) {
  switch (spec.kind) {
    case LossKind::nll:
      return nll(spec, batch, outputs);
    case LossKind::policy:
      return policy(spec, batch, outputs);
    case LossKind::value:
      return value(spec, batch, outputs);
    case LossKind::ranking:
      return ranking(spec, batch, outputs);
    case LossKind::none:
      break;
  }
  return {};
}

}  // namespace troupe
