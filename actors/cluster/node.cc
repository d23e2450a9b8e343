#include "actors/cluster/node.h"

namespace troupe {
namespace {

constexpr auto kTracerLimit = std::chrono::seconds(5);

// Once the journal has its last record, the node is done.
void leave(Traced<Node, NodeState>* self) {
  if (std::exchange(self->state.leaving, true)) return;
  self->request(self->state.config.tracer, kTracerLimit, FinalSample{})
      .then([self](const FinalSampleWritten&) { self->quit(); },
            [self](const caf::error& error) {
              self->state.config.log("the last journal record is missing: " + text_of(error));
              self->quit();
            });
}

void stop_actors(Traced<Node, NodeState>* self) {
  auto& state = self->state;
  if (std::exchange(state.stopping, true)) return;
  for (const auto& [address, actor] : state.hosted)
    caf::anon_send_exit(caf::actor_cast<caf::actor>(actor), caf::exit_reason::user_shutdown);
  if (state.hosted.empty()) return leave(self);
  self->delayed_send(self, state.config.actors_stop_limit, StopNow{});
}

void on_down(Traced<Node, NodeState>* self, const caf::down_msg& down) {
  auto& state = self->state;
  if (down.source == state.config.directory) {
    state.config.log("the launcher is gone: " + text_of(down.reason));
    return self->quit(down.reason ? down.reason : caf::exit_reason::remote_link_unreachable);
  }
  auto address = state.forget(down.source);
  if (address.empty()) return;
  bool in_order = !down.reason || state.stopping;
  state.config.log("actor " + address + " ended" + (in_order ? "" : ": " + text_of(down.reason)));
  if (!in_order)
    self->send(state.config.supervisor,
               ActorDied{state.config.node, address, text_of(down.reason)});
  if (state.stopping && state.hosted.empty()) leave(self);
}

}  // namespace

std::string NodeState::forget(const caf::actor_addr& ended) {
  for (const auto& [address, actor] : hosted) {
    if (actor != ended) continue;
    auto found = address;
    hosted.erase(found);
    return found;
  }
  return {};
}

Node::behavior_type node(Traced<Node, NodeState>* self, NodeConfig config) {
  auto& state = self->state;
  state.config = std::move(config);
  self->monitor(state.config.directory);
  self->set_down_handler([self](caf::down_msg& down) { on_down(self, down); });
  self->send(self, Beat{});
  return {
      [=, &state](const HostActor& host) {
        state.hosted[host.address] = host.actor;
        self->monitor(host.actor);
        if (state.stopping)
          caf::anon_send_exit(caf::actor_cast<caf::actor>(host.actor),
                              caf::exit_reason::user_shutdown);
      },
      [=, &state](Beat) {
        self->send(state.config.supervisor, Heartbeat{state.config.node});
        if (const auto lost = state.config.lost_link())
          self->send(state.config.supervisor, ActorDied{state.config.node, "transport", *lost});
        self->delayed_send(self, state.config.heartbeat_interval, Beat{});
      },
      [=, &state](const TrainingStep& step) { self->send(state.config.tracer, step); },
      [=](const Shutdown&) { stop_actors(self); },
      [=, &state](StopNow) {
        for (const auto& [address, actor] : state.hosted)
          state.config.log("actor " + address + " has not ended in time");
        leave(self);
      },
      [=, &state](const GetStats& get) { return self->delegate(state.config.tracer, get); },
  };
}

}  // namespace troupe
