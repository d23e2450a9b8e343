#include "actors/cluster/directory.h"

namespace troupe {

void DirectoryState::tell(const std::string& name) const {
  auto actor = actors.find(name);
  auto handle = actor == actors.end() ? caf::strong_actor_ptr{} : actor->second;
  auto [begin, end] = followers.equal_range(name);
  for (auto at = begin; at != end; ++at)
    caf::anon_send(caf::actor_cast<caf::actor>(at->second), PeerChanged{name, handle});
}

void DirectoryState::forget(const caf::actor_addr& ended) {
  std::erase_if(followers, [&](const auto& x) { return x.second == ended; });
  for (auto& [name, actor] : actors) {
    if (!actor || actor != ended) continue;
    actor = nullptr;
    tell(name);
  }
}

Directory::behavior_type directory(Traced<Directory, DirectoryState>* self) {
  auto& state = self->state;
  self->set_down_handler([&state](caf::down_msg& down) { state.forget(down.source); });
  return {
      [=, &state](const Announce& announce) {
        self->monitor(announce.actor);
        state.actors[announce.name] = announce.actor;
        state.tell(announce.name);
      },
      [=, &state](const Follow& follow) {
        self->monitor(follow.follower);
        state.followers.emplace(follow.name, follow.follower);
        if (auto actor = state.actors[follow.name])
          caf::anon_send(caf::actor_cast<caf::actor>(follow.follower),
                         PeerChanged{follow.name, actor});
      },
      [&state](const Find& find) -> caf::result<Found> {
        if (auto actor = state.actors[find.name]) return Found{actor};
        return caf::make_error(ActorError::failed, "no actor answers to " + find.name);
      },
  };
}

}  // namespace troupe
