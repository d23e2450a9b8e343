// Makes a step's experience: gathers its trajectories and scores, has the reference and the critic
// look at them in packs, and turns all of it into micro-batches to train on.
#pragma once

#include <caf/all.hpp>
#include <chrono>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "actors/messages.h"
#include "actors/trace/traced.h"
#include "actors/train/packed_sequences.h"
#include "actors/train/role.h"
#include "rlhf/experience.h"

namespace troupe {

using Packer =
    caf::typed_actor<caf::reacts_to<Peers>, caf::reacts_to<Trajectories>, caf::reacts_to<Scores>,
                     caf::replies_to<MakeExperience>::with<Experience>>;

struct PackerConfig {
  std::vector<std::string> reference_stages, critic_stages;  // either may be empty
  ExperienceConfig experience;                               // the KL weight comes with each step
  int64_t max_tokens_per_pack = 2048;
  int32_t data_slices = 8;
};

class PackerState {
 public:
  std::string name = "packer";
  PackerConfig config;
  Role reference, critic;

  void add(const Trajectories& batch);
  void add(const Scores& scores);
  void ask(const MakeExperience& ask, caf::typed_response_promise<Experience> done);
  // All trajectories of the step that was asked for are here, with their scores.
  bool is_complete() const;
  // Lays the step's trajectories out in packs, sorted by key.
  std::vector<MicroBatch> pack();
  void add_reference(const BatchResult& result);
  void add_values(const BatchResult& result);
  // After all columns are there.
  void deliver();
  void fail(const std::string& what);
  // Notes how long `what` took, "timing_s/gen", since the moment before.
  void note_time(const std::string& what, std::chrono::steady_clock::time_point since);
  // For whom the step that was asked for waits now, for the topology.
  void note_wait(ActorProbe& probe);

 private:
  int64_t num_missing() const {
    return asked_.num_trajectories - static_cast<int64_t>(trajectories_.size());
  }

  MakeExperience asked_;
  std::chrono::steady_clock::time_point asked_at_, generated_at_;
  std::map<std::string, double> times_;
  int64_t wait_ = 0;
  caf::typed_response_promise<Experience> done_;
  std::map<TrajectoryKey, ScoredTrajectory> trajectories_;
  std::map<TrajectoryKey, float> scores_;
  std::vector<ScoredTrajectory> sorted_;
  std::optional<PackedSequences> packed_;
};

Packer::behavior_type packer(Traced<Packer, PackerState>* self, PackerConfig config);

}  // namespace troupe
