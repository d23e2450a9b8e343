// A rollout engine: generates with continuous batching, keeps each token's log-prob, and switches
// weights between two steps. On its own thread; between two steps it reads its mailbox.
#pragma once

#include <caf/all.hpp>
#include <map>
#include <memory>
#include <string>

#include "actors/messages.h"
#include "actors/trace/traced.h"
#include "actors/transport/tensor_message.h"
#include "devices/cpu/compute.h"
#include "graph/generation/generator.h"

namespace troupe {

using RolloutEngine = caf::typed_actor<caf::reacts_to<TensorMessage>, caf::reacts_to<VersionComing>,
                                       caf::reacts_to<Generate>, caf::reacts_to<NextStep>>;

struct RolloutEngineConfig {
  std::string address;  // "rollout/0"
  LlamaConfig model;
  GeneratorOptions options;
  uint64_t seed = 0;
  std::vector<int32_t> end_ids;
  std::shared_ptr<Compute> compute;
};

class RolloutEngineState {
 public:
  std::string name = "rollout";

  void configure(RolloutEngineConfig config, ActorProbe* probe);

  void receive(const TensorMessage& message);
  void announce(const VersionComing& coming);
  // Takes the announced version if all of it is here; returns who wants to know.
  std::optional<VersionLoaded> load_if_complete();
  caf::strong_actor_ptr weight_store() const { return coming_.weight_store; }

  void submit(const Generate& work);
  bool is_idle() const { return generator_->is_idle(); }
  // One step of the batch: messages to send, by receiver.
  std::vector<std::pair<caf::strong_actor_ptr, Trajectories>> step();
  bool is_stepping = false;  // a NextStep is under way

 private:
  // What a result needs beside what the generator gives.
  struct Pending {
    Trajectory trajectory;
    PromptUse use = PromptUse::training;
    caf::strong_actor_ptr receiver;
  };

  void note_load();  // for the topology

  RolloutEngineConfig config_;
  ActorProbe* probe_ = nullptr;
  std::unique_ptr<Generator> generator_;
  std::map<std::string, TensorRef> arrived_;  // of the coming version
  int64_t arrived_version_ = -1;
  VersionComing coming_;
  int64_t version_ = -1;
  std::map<int64_t, Pending> pending_;  // by tag
  int64_t next_tag_ = 0;
};

RolloutEngine::behavior_type rollout_engine(Traced<RolloutEngine, RolloutEngineState>* self,
                                            RolloutEngineConfig config);

}  // namespace troupe
