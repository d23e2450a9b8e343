#include "actors/launch/manager.h"

#include "base/duration_text.h"

namespace troupe {
namespace {

using Self = Traced<Manager, ManagerState>;

constexpr auto kPrepareLimit = std::chrono::seconds(10);
constexpr auto kExitAfterLink = std::chrono::seconds(1);  // waitpid tells more than a broken link

template <class Message>
void tell(const caf::strong_actor_ptr& actor, Message message) {
  caf::anon_send(caf::actor_cast<caf::actor>(actor), std::move(message));
}

void start_member(Self* self, const std::string& member) {
  auto& start = self->state.starts.at(member);
  start.when = self->clock().now();
  auto on_exit = [me = self->address(), member, number = ++start.number](ExitStatus status) {
    if (auto manager = caf::actor_cast<caf::actor>(me))
      caf::anon_send(manager, MemberExited{member, number, std::move(status)});
  };
  try {
    start.process = self->state.config.start(member, on_exit);
  } catch (const Error& e) {
    on_exit({.unseen = std::string("cannot be started: ") + e.what()});
  }
}

// Gives each run for which there is room now its places, once the members are ready for its nodes.
void admit(Self* self);

void refuse(ManagerState& state, int64_t run, const std::string& why) {
  if (state.runs.contains(run)) tell(state.runs.at(run).actor, Granted{.failure = why});
}

void end_if_all_left(ManagerState& state, const std::string& failure = "") {
  if (state.ended || !state.members.empty()) return;
  state.ended = true;
  state.starts.clear();
  state.config.ended(failure);
}

// The members leave when no run is left, or has had its time.
void let_members_leave(ManagerState& state) {
  if (!state.stopping || std::exchange(state.leaving, true)) return;
  for (const auto& [name, member] : state.members) tell(member.actor, LeaveCluster{});
  end_if_all_left(state);
}

void release(Self* self, int64_t run) {
  auto& state = self->state;
  if (!state.runs.contains(run)) return;
  for (const auto& member : state.roster.members_of(run))
    if (state.members.contains(member)) tell(state.members.at(member).actor, EndRun{run});
  state.roster.release(run);
  state.runs.erase(run);
  if (state.stopping && state.runs.empty()) let_members_leave(state);
  admit(self);
}

// All places of a run are prepared, or one is not.
void prepared(Self* self, int64_t run, const std::shared_ptr<Granted>& granted, size_t place,
              const std::string& endpoint, const std::shared_ptr<size_t>& missing) {
  granted->places[place].endpoint = endpoint;
  if (--*missing == 0 && self->state.runs.contains(run))
    tell(self->state.runs.at(run).actor, *granted);
}

void prepare(Self* self, int64_t run) {
  auto& state = self->state;
  const auto granted = std::make_shared<Granted>(Granted{.places = state.roster.places(run)});
  const auto missing = std::make_shared<size_t>(granted->places.size());
  for (size_t i = 0; i < granted->places.size(); ++i) {
    const auto& place = granted->places[i];
    const auto actor = caf::actor_cast<Member>(state.members.at(place.member).actor);
    self->request(actor, kPrepareLimit, Prepare{run, place.node})
        .then(
            [=](const Prepared& done) { prepared(self, run, granted, i, done.endpoint, missing); },
            [=](const caf::error& error) {
              const auto& where = granted->places[i].member;
              refuse(self->state, run, "node " + where + " is not ready: " + text_of(error));
            });
  }
}

void admit(Self* self) {
  auto& state = self->state;
  if (state.stopping) return;
  for (auto run : state.roster.admit()) prepare(self, run);
}

// Kills what is left of a member's process and says whether it may be started again.
bool may_start_again(Self* self, const std::string& name) {
  const auto start = self->state.starts.find(name);
  if (start == self->state.starts.end()) return false;
  ++start->second.number;  // what is heard of the old one from now on is old news
  start->second.process = nullptr;
  return !self->state.stopping && start->second.budget.spend(self->clock().now());
}

// A member is gone: so are the nodes of runs that it hosted.
void lose(Self* self, std::string name, const std::string& why) {  // the name may be the map's own
  auto& state = self->state;
  if (const auto member = state.members.extract(name); !member.empty())
    tell(member.mapped().actor, LeaveCluster{});  // in case that it can still hear
  const bool again = may_start_again(self, name);
  if (state.leaving) return end_if_all_left(state);
  const bool given_up = state.starts.contains(name) && !again;
  for (auto& node : state.roster.lose(name, why, given_up))
    if (state.runs.contains(node.run)) tell(state.runs.at(node.run).actor, node);
  const auto event = why + (again ? "; started again" : given_up ? "; given up" : "");
  state.roster.note(name, event);
  state.config.report("node " + name + " " + event);
  if (again) return start_member(self, name);
  if (state.stopping || state.roster.has_hope()) return;
  if (!std::exchange(state.ended, true)) state.config.ended("no node is left");
}

void join(Self* self, const MemberJoined& joined) {
  auto& state = self->state;
  try {
    state.roster.join(joined, state.config.limits.default_slots);
  } catch (const Error& e) {
    state.config.report(e.what());
    return tell(joined.actor, LeaveCluster{e.what()});
  }
  state.members[joined.member] = {joined.actor, self->clock().now()};
  self->monitor(joined.actor);
  state.roster.note(joined.member, "joined as process " + std::to_string(joined.pid));
  state.config.report("node " + joined.member + " joined: process " + std::to_string(joined.pid) +
                      " on " + joined.host);
  if (state.leaving) tell(joined.actor, LeaveCluster{});
  admit(self);
}

caf::result<Queued> reserve(Self* self, const Reserve& wanted) {
  auto& state = self->state;
  if (state.stopping) return caf::make_error(ActorError::failed, "the cluster is being stopped");
  return answer([&] {
    const auto run = state.roster.queue(wanted.run, wanted.nodes);
    state.runs[run] = {wanted.client, self->clock().now()};
    self->monitor(wanted.client);
    admit(self);
    return Queued{run, state.roster.waiting_for(run)};
  });
}

void on_down(Self* self, const caf::actor_addr& source) {
  auto& state = self->state;
  for (const auto& [id, run] : state.runs)
    if (run.actor == source) return release(self, id);
  for (const auto& [name, member] : state.members) {
    if (member.actor != source) continue;
    const auto start = state.starts.find(name);
    if (start != state.starts.end() && start->second.process)
      return self->delayed_send(self, kExitAfterLink, MemberLinkLost{name, start->second.number});
    return lose(self, name, "left");
  }
}

void heard_from(ManagerState& state, const caf::strong_actor_ptr& sender, ManagerState::Time now) {
  for (auto& [name, member] : state.members)
    if (member.actor == sender) member.last_heard = now;
  for (auto& [id, run] : state.runs)
    if (run.actor == sender) run.last_heard = now;
}

// What has been silent for too long. A check that comes much too late shows that this process
// itself was stopped: then everybody's clock starts anew.
void check_silence(Self* self, ManagerState::Time now) {
  auto& state = self->state;
  const auto limit = state.config.limits.heartbeat_limit;
  const bool was_stopped = now - state.last_check > limit / 2;
  state.last_check = now;
  std::vector<std::string> silent_members, late_members;
  std::vector<int64_t> silent_runs;
  for (auto& [name, member] : state.members) {
    if (was_stopped) member.last_heard = now;
    if (now - member.last_heard > limit) silent_members.push_back(name);
  }
  for (auto& [id, run] : state.runs) {
    if (was_stopped) run.last_heard = now;
    if (now - run.last_heard > state.config.limits.run_silence_limit) silent_runs.push_back(id);
  }
  for (const auto& [name, start] : state.starts)
    if (start.process && !state.members.contains(name) &&
        now - start.when > state.config.limits.join_limit)
      late_members.push_back(name);
  for (const auto& name : late_members)
    lose(self, name, "has not joined within " + seconds_text(state.config.limits.join_limit));
  for (const auto& name : silent_members)
    lose(self, name, "was silent for more than " + seconds_text(limit));
  for (auto run : silent_runs) release(self, run);
}

void check_stop(ManagerState& state, ManagerState::Time now) {
  const auto& limits = state.config.limits;
  const auto waited = now - state.stopping_since;
  if (!state.stopping) return;
  if (waited > limits.runs_stop_limit) let_members_leave(state);
  if (waited > limits.runs_stop_limit + limits.members_stop_limit) {
    state.members.clear();
    end_if_all_left(state);
  }
}

void stop(Self* self) {
  auto& state = self->state;
  if (std::exchange(state.stopping, true)) {  // asked twice: at once
    state.members.clear();
    return end_if_all_left(state);
  }
  state.stopping_since = self->clock().now();
  for (const auto& [id, run] : state.runs) {
    const bool waits = state.roster.places(id).empty();
    waits ? refuse(state, id, "the cluster is being stopped") : tell(run.actor, ClusterStops{});
  }
  if (state.runs.empty()) let_members_leave(state);
}

void start_members(Self* self) {
  auto& state = self->state;
  const auto& limits = state.config.limits;
  for (const auto& member : state.config.members) {
    if (!member.is_ours) continue;
    state.starts.emplace(
        member.name,
        ManagerState::Start{.budget = RestartBudget(limits.max_restarts, limits.restart_window)});
    start_member(self, member.name);
  }
}

}  // namespace

Manager::behavior_type manager(Self* self, ManagerConfig config) {
  auto& state = self->state;
  state.config = std::move(config);
  state.last_check = self->clock().now();
  const int default_slots = state.config.limits.default_slots;
  for (const auto& member : state.config.members)
    state.roster.expect(member.name, member.slots > 0 ? member.slots : default_slots);
  self->set_down_handler([=](caf::down_msg& down) { on_down(self, down.source); });
  self->delayed_send(self, state.config.limits.heartbeat_interval, CheckCluster{});
  return {
      [=](StartMembers) { start_members(self); },
      [=](const MemberJoined& joined) { join(self, joined); },
      [=, &state](Ping) {
        heard_from(state, self->current_sender(), self->clock().now());
        return Pong{};
      },
      [=](const Reserve& wanted) { return reserve(self, wanted); },
      [=, &state](const StartNode& node) -> caf::result<NodeStarted> {
        const auto member = state.roster.member_of(node.run, node.node);
        if (!state.members.contains(member))
          return caf::make_error(ActorError::failed, "the cluster's node " + member + " is gone");
        state.roster.started(node.run, node.run_dir);
        return self->delegate(caf::actor_cast<Member>(state.members.at(member).actor), node);
      },
      [=, &state](const EndNode& end) {
        if (!state.runs.contains(end.run)) return;
        const auto member = state.members.find(state.roster.member_of(end.run, end.node));
        if (member != state.members.end()) tell(member->second.actor, end);
      },
      [&state](const NodeExited& exited) {
        if (state.runs.contains(exited.run)) tell(state.runs.at(exited.run).actor, exited);
      },
      [=](const Release& done) { release(self, done.run); },
      [&state](const GetCluster&) { return state.roster.status(); },
      [=, &state](const MemberExited& exited) {
        const auto start = state.starts.find(exited.member);
        if (start != state.starts.end() && start->second.number == exited.start)
          lose(self, exited.member, to_string(exited.status));
      },
      [=, &state](const MemberLinkLost& lost) {
        const auto start = state.starts.find(lost.member);
        if (start != state.starts.end() && start->second.number == lost.start)
          lose(self, lost.member, "lost its connection");
      },
      [=, &state](CheckCluster) {
        const auto now = self->clock().now();
        check_silence(self, now);
        check_stop(state, now);
        if (!state.ended)
          self->delayed_send(self, state.config.limits.heartbeat_interval, CheckCluster{});
      },
      [=](const StopCluster&) { stop(self); },
  };
}

}  // namespace troupe
