#include "rlhf/experience.h"

#include <algorithm>

#include "base/error.h"
#include "rlhf/whiten.h"

namespace troupe {
namespace {

struct Shaped {
  std::vector<ShapedReward> summaries;
  std::vector<std::vector<float>> rewards;  // per token
};

Shaped shape_all(const ExperienceConfig& config, std::span<const ScoredTrajectory> trajectories) {
  Shaped shaped;
  for (const auto& scored : trajectories) {
    const auto& trajectory = scored.trajectory;
    auto shaping = config.shaping;
    const bool has_reference = !scored.reference_log_probs.empty();
    if (!config.use_kl_in_reward || !has_reference) shaping.kl_coef = 0;
    const std::span<const float> reference =
        has_reference ? scored.reference_log_probs : trajectory.log_probs;
    auto& rewards = shaped.rewards.emplace_back(trajectory.response_ids.size());
    shaped.summaries.push_back(shape_rewards<float>(shaping, trajectory.log_probs, reference,
                                                    scored.score, trajectory.truncated, rewards));
  }
  return shaped;
}

void add_gae(const ExperienceConfig& config, std::span<const ScoredTrajectory> trajectories,
             const Shaped& shaped, ExperienceColumns& columns) {
  std::vector<float> all;
  for (size_t i = 0; i < trajectories.size(); ++i) {
    const size_t size = shaped.rewards[i].size();
    CHECK(trajectories[i].values.size() == size, i, trajectories[i].values.size(), size);
    auto& response = columns.responses.emplace_back();
    response.advantages.resize(size);
    response.returns.resize(size);
    gae<float>(config.gae, shaped.rewards[i], trajectories[i].values, {}, response.advantages,
               response.returns);
    all.insert(all.end(), response.advantages.begin(), response.advantages.end());
  }
  if (!config.whiten_advantages) return;
  whiten<float>(all, {});
  auto next = all.begin();
  for (auto& response : columns.responses)
    for (float& advantage : response.advantages) advantage = *next++;
}

// Every token of a response takes the response's advantage: its whole reward against its group's.
void add_group_advantages(const ExperienceConfig& config,
                          std::span<const ScoredTrajectory> trajectories, const Shaped& shaped,
                          ExperienceColumns& columns) {
  std::vector<double> rewards;
  std::vector<int64_t> groups;
  for (size_t i = 0; i < trajectories.size(); ++i) {
    rewards.push_back(shaped.summaries[i].sum_reward);
    groups.push_back(trajectories[i].trajectory.key.prompt_id);
  }
  const auto kind = config.adv_estimator == AdvEstimator::rloo ? GroupAdvantage::rloo
                    : config.norm_adv_by_std_in_grpo           ? GroupAdvantage::grpo
                                                               : GroupAdvantage::dr_grpo;
  const auto advantages = group_advantages(kind, rewards, groups);
  for (size_t i = 0; i < trajectories.size(); ++i)
    columns.responses.push_back(
        {std::vector<float>(shaped.rewards[i].size(), static_cast<float>(advantages[i])), {}});
}

void append(std::vector<double>& all, std::span<const float> values) {
  all.insert(all.end(), values.begin(), values.end());
}

void add_metrics(std::span<const ScoredTrajectory> trajectories, const Shaped& shaped,
                 ExperienceColumns& columns) {
  std::vector<double> scores, rewards, advantages, returns, values, kls;
  std::vector<Trajectory> plain;
  double sum_kl = 0;
  for (size_t i = 0; i < trajectories.size(); ++i) {
    scores.push_back(trajectories[i].score);
    rewards.push_back(shaped.summaries[i].sum_reward);
    kls.push_back(shaped.summaries[i].mean_kl);
    sum_kl += shaped.summaries[i].sum_kl;
    append(advantages, columns.responses[i].advantages);
    append(returns, columns.responses[i].returns);
    append(values, trajectories[i].values);
    plain.push_back(trajectories[i].trajectory);
  }
  auto& metrics = columns.metrics;
  add_mean_max_min(metrics, "critic/score", scores);
  add_mean_max_min(metrics, "critic/rewards", rewards);
  add_mean_max_min(metrics, "critic/advantages", advantages);
  add_mean_max_min(metrics, "critic/returns", returns);
  add_mean_max_min(metrics, "critic/values", values);
  if (!values.empty()) metrics["critic/vf_explained_var"] = explained_variance(returns, values);
  add_lengths(metrics, plain);
  if (!trajectories[0].reference_log_probs.empty()) {
    Metrics kl;
    add_mean_max_min(kl, "kl", kls);
    columns.mean_kl = kl["kl/mean"];
    metrics["actor/reward_kl_penalty"] = columns.mean_kl;
    metrics["actor/kl_per_response"] = sum_kl / static_cast<double>(trajectories.size());
  }
}

}  // namespace

ExperienceColumns make_experience(const ExperienceConfig& config,
                                  std::span<const ScoredTrajectory> trajectories) {
  CHECK(!trajectories.empty());
  CHECK(std::is_sorted(trajectories.begin(), trajectories.end(), [](const auto& a, const auto& b) {
    return a.trajectory.key < b.trajectory.key;
  }));
  const Shaped shaped = shape_all(config, trajectories);
  ExperienceColumns columns;
  if (config.adv_estimator == AdvEstimator::gae)
    add_gae(config, trajectories, shaped, columns);
  else
    add_group_advantages(config, trajectories, shaped, columns);
  add_metrics(trajectories, shaped, columns);
  return columns;
}

}  // namespace troupe
