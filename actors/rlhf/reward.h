// Judges responses: by a learned reward model, whose stages it asks, or by a rule.
#pragma once

#include <caf/all.hpp>
#include <memory>
#include <string>
#include <vector>

#include "actors/messages.h"
#include "actors/trace/traced.h"
#include "actors/train/role.h"
#include "rlhf/reward_shaping.h"

namespace troupe {

using Reward = caf::typed_actor<caf::reacts_to<Peers>, caf::reacts_to<Trajectories>,
                                caf::replies_to<ScoreTrajectories>::with<Scores>,
                                caf::replies_to<SetScoreStatistics>::with<StageDone>>;

// A rule's score of one response, given as text.
using RewardRule = std::function<double(const Trajectory&)>;

struct RewardConfig {
  std::string ledger;
  std::vector<std::string> stages;  // of the learned reward model
  RewardRule rule;                  // instead of one
  double score_clip = 0;            // of a centred and scaled score; 0: none
  int64_t max_tokens_per_pack = 2048;
};

struct RewardState {
  std::string name = "reward";
  RewardConfig config;
  caf::strong_actor_ptr ledger;
  Role model;
  ScoreNormalisation normalisation;

  float finish(double raw) const;  // centred, scaled, clipped
  Scores by_rule(const Trajectories& batch) const;
};

Reward::behavior_type reward(Traced<Reward, RewardState>* self, RewardConfig config);

}  // namespace troupe
