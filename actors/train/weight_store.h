// Publishes a role's weights: asks its stages for a version, passes the tensors on to every
// follower, and answers when all of them hold it.
#pragma once

#include <caf/all.hpp>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "actors/messages.h"
#include "actors/trace/traced.h"
#include "actors/train/role.h"
#include "actors/transport/transport.h"

namespace troupe {

using WeightStore = caf::typed_actor<caf::reacts_to<TensorMessage>, caf::reacts_to<Peers>,
                                     caf::replies_to<PublishVersion>::with<StageDone>,
                                     caf::reacts_to<VersionLoaded>>;

struct WeightStoreConfig {
  std::string address;  // "weight_store/policy"
  std::vector<std::string> stages;
  std::vector<std::string> followers;  // rollout engines
  Transport* transport = nullptr;      // the node's
};

struct WeightStoreState {
  std::string name = "weight_store";
  WeightStoreConfig config;
  Role role;
  std::map<std::string, caf::strong_actor_ptr> followers;
  std::map<std::string, TensorOutlet> outlets;
  int64_t version = -1;
  std::map<std::string, int64_t> waiting_for;  // followers, and what the probe calls these waits
  caf::typed_response_promise<StageDone> done;

  void connect(const Peers& peers);
  void pass_on(const TensorMessage& message);
  void announce(int64_t new_version, ActorProbe& probe);
  void loaded(const VersionLoaded& loaded, ActorProbe& probe);
};

WeightStore::behavior_type weight_store(Traced<WeightStore, WeightStoreState>* self,
                                        WeightStoreConfig config);

}  // namespace troupe
