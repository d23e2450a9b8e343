#include "actors/train/weight_store.h"

namespace troupe {

void WeightStoreState::connect(const Peers& peers) {
  std::vector<Peer<Stage>> stages;
  for (const auto& address : config.stages) stages.push_back(peer<Stage>(peers, address));
  role = Role(config.address, std::move(stages), 0);
  for (const auto& address : config.followers) {
    followers[address] = peers.find(address);
    outlets[address] = config.transport->outlet(address, name);
  }
}

void WeightStoreState::pass_on(const TensorMessage& message) {
  for (auto& [address, outlet] : outlets)
    outlet.send(message.stream, message.sequence, message.tensor);
}

void WeightStoreState::loaded(const VersionLoaded& loaded) {
  if (loaded.version != version) return;
  waiting_for.erase(loaded.follower);
  if (waiting_for.empty() && done.pending()) done.deliver(StageDone{});
}

WeightStore::behavior_type weight_store(Traced<WeightStore, WeightStoreState>* self,
                                        WeightStoreConfig config) {
  auto& state = self->state;
  state.config = std::move(config);
  state.name = state.config.address;
  return {
      [&state](const TensorMessage& message) { state.pass_on(message); },
      [&state](const Peers& peers) { state.connect(peers); },
      [self, &state](const PublishVersion& publish) -> caf::result<StageDone> {
        CHECK(state.waiting_for.empty(), state.version, publish.version);
        state.version = publish.version;
        for (const auto& [address, follower] : state.followers) state.waiting_for.insert(address);
        auto done = self->make_response_promise<StageDone>();
        state.done = done;
        state.role.tell(
            self, PublishShard{publish.version},
            [self, &state](int64_t num_weights) {
              const auto me = caf::actor_cast<caf::strong_actor_ptr>(self);
              for (const auto& [address, follower] : state.followers)
                tell(self, follower, VersionComing{state.version, num_weights, me});
            },
            [&state](const std::string& what) {
              state.done.deliver(caf::make_error(ActorError::failed, what));
            });
        return done;
      },
      [&state](const VersionLoaded& loaded) { state.loaded(loaded); },
  };
}

}  // namespace troupe
