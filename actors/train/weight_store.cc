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

void WeightStoreState::announce(int64_t new_version, ActorProbe& probe) {
  CHECK(waiting_for.empty(), version, new_version);
  version = new_version;
  for (const auto& [address, follower] : followers)
    waiting_for[address] =
        probe.waits_for(address, "loading of version " + std::to_string(version));
}

void WeightStoreState::loaded(const VersionLoaded& loaded, ActorProbe& probe) {
  if (loaded.version != version) return;
  if (const auto wait = waiting_for.extract(loaded.follower); !wait.empty())
    probe.got(wait.mapped());
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
        state.announce(publish.version, self->probe());
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
      [self, &state](const VersionLoaded& loaded) { state.loaded(loaded, self->probe()); },
  };
}

}  // namespace troupe
