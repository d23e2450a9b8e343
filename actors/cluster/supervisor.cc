#include "actors/cluster/supervisor.h"

namespace troupe {
namespace {

constexpr auto kTerminateGrace = std::chrono::seconds(1);
constexpr auto kExitAfterLink = std::chrono::seconds(1);  // waitpid tells more than a broken link

template <class Message>
void tell(const caf::strong_actor_ptr& node, Message message) {
  caf::anon_send(caf::actor_cast<caf::actor>(node), std::move(message));
}

}  // namespace

void SupervisorState::stop(RunOutcome how, ClusterWatch::Time now) {
  if (ended) return;
  if (std::exchange(stopping, true)) return;
  outcome = std::move(how);
  watch.stop(now);
  for (const auto& [name, node] : nodes) tell(node, Shutdown{});
  for (const auto& name : config.nodes) {
    if (nodes.contains(name)) continue;
    processes.erase(name);  // it has not joined, so it cannot be asked
    watch.left(name);
  }
  end_if_all_left();
}

void SupervisorState::fail(NodeFailure failure) {
  if (ended) return;
  if (const auto& process = processes[failure.node]) failure.pid = process->pid();
  config.report(failure);
  outcome = {.ok = false, .failure = "node " + failure.node + " " + failure.what};
  end();
}

void SupervisorState::end() {
  if (std::exchange(ended, true)) return;
  auto deadline = std::chrono::steady_clock::now() + kTerminateGrace;
  for (const auto& [name, process] : processes)
    if (process) process->terminate();
  for (const auto& [name, process] : processes)
    if (process) process->wait_until(deadline);
  processes.clear();
  config.ended(outcome);
}

void SupervisorState::end_if_all_left() {
  if (stopping && watch.all_ended()) end();
}

namespace {

void start(SupervisorState& state, const caf::actor& self, const std::string& node) {
  auto on_exit = [me = self.address(), node](ExitStatus status) {
    if (auto supervisor = caf::actor_cast<caf::actor>(me))
      caf::anon_send(supervisor, ProcessExited{node, status});
  };
  try {
    state.processes[node] = state.config.start(node, on_exit);
  } catch (const Error& e) {
    state.fail({node, std::string("cannot be started: ") + e.what()});
  }
}

}  // namespace

Supervisor::behavior_type supervisor(Traced<Supervisor, SupervisorState>* self,
                                     SupervisorConfig config) {
  auto& state = self->state;
  state.config = std::move(config);
  const auto& limits = state.config.limits;
  auto now = [self] { return self->clock().now(); };
  auto check = [&state](const std::optional<NodeFailure>& failure) {
    if (failure) state.fail(*failure);
    state.end_if_all_left();
  };
  state.watch = ClusterWatch(state.config.nodes, limits, now());
  self->set_down_handler([=, &state](caf::down_msg& down) {
    for (const auto& [name, node] : state.nodes) {
      if (node != down.source) continue;
      if (state.processes[name])
        self->delayed_send(self, kExitAfterLink, LinkLost{name});
      else
        check(state.stopping ? (state.watch.left(name), std::nullopt)
                             : state.watch.link_lost(name));
    }
  });
  self->delayed_send(self, limits.heartbeat_interval, CheckSilence{});
  return {
      [=, &state](StartNodes) {
        for (const auto& node : state.config.nodes) {
          if (state.ended) return;
          start(state, caf::actor_cast<caf::actor>(self), node);
        }
      },
      [=, &state](const NodeReady& node) {
        state.watch.heard_from(node.node, now());
        state.watch.ready(node.node);
        if (state.watch.all_ready()) state.config.ready();
      },
      [=, &state](const Heartbeat& beat) {
        state.watch.heard_from(beat.node, now());
        if (state.nodes.contains(beat.node)) return;
        state.nodes[beat.node] = self->current_sender();
        self->monitor(self->current_sender());
        if (state.stopping) tell(self->current_sender(), Shutdown{});
      },
      [&state](const ActorDied& died) {
        if (!state.stopping)
          state.fail({died.node, "lost its actor " + died.address + ": " + died.reason});
      },
      [=, &state](const RunEnded& run) {
        state.stop({.ok = run.failure.empty(), .reported = false, .failure = run.failure}, now());
      },
      [&state](const TrainingStep& step) {
        for (const auto& [name, node] : state.nodes) tell(node, step);
      },
      [=, &state](const ProcessExited& exited) {
        check(state.watch.process_exited(exited.node, exited.status));
      },
      [=, &state](const LinkLost& lost) { check(state.watch.link_lost(lost.node)); },
      [=, &state](CheckSilence) {
        check(state.watch.tick(now()));
        if (!state.ended) self->delayed_send(self, limits.heartbeat_interval, CheckSilence{});
      },
      [=, &state](const StopRun& stop) {
        RunOutcome outcome{.failure = "stopped by signal " + std::to_string(stop.signal),
                           .signal = stop.signal};
        if (!state.stopping) return state.stop(outcome, now());
        state.outcome = outcome;  // asked twice: at once
        state.end();
      },
  };
}

}  // namespace troupe
