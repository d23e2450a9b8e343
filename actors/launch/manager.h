// The heart of a resident cluster (`troupe launch`): starts its members and starts them again when
// they die, gives runs their places, passes on what runs ask of members and what becomes of their
// nodes, and ends everything in order.
#pragma once

#include <caf/all.hpp>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "actors/cluster/process.h"
#include "actors/launch/member.h"
#include "actors/launch/restart_budget.h"
#include "actors/launch/roster.h"
#include "actors/messages.h"
#include "actors/trace/traced.h"

namespace troupe {

// From this process only.
struct StartMembers {};
struct MemberExited {
  std::string member;
  int start = 0;  // which of its starts has ended
  ExitStatus status;
};
struct MemberLinkLost {
  std::string member;
  int start = 0;
};
struct CheckCluster {};
struct StopCluster {
  int signal = 0;
};

}  // namespace troupe

CAF_ALLOW_UNSAFE_MESSAGE_TYPE(troupe::StartMembers)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(troupe::MemberExited)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(troupe::MemberLinkLost)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(troupe::CheckCluster)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(troupe::StopCluster)

namespace troupe {

using Manager = caf::typed_actor<
    caf::reacts_to<StartMembers>, caf::reacts_to<MemberJoined>, caf::replies_to<Ping>::with<Pong>,
    caf::replies_to<Reserve>::with<Queued>, caf::replies_to<StartNode>::with<NodeStarted>,
    caf::reacts_to<EndNode>, caf::reacts_to<NodeExited>, caf::reacts_to<Release>,
    caf::replies_to<GetCluster>::with<ClusterStatus>, caf::reacts_to<MemberExited>,
    caf::reacts_to<MemberLinkLost>, caf::reacts_to<CheckCluster>, caf::reacts_to<StopCluster>>;

struct PlannedMember {
  std::string name;
  int slots = 0;         // 0: the default
  bool is_ours = false;  // started by the manager; else it joins by itself
};

struct ManagerLimits {
  std::chrono::milliseconds heartbeat_interval{1000};
  std::chrono::milliseconds heartbeat_limit{15000};
  std::chrono::milliseconds join_limit{60000};         // from a member's start to its joining
  std::chrono::milliseconds runs_stop_limit{20000};    // from ClusterStops to a run's Release
  std::chrono::milliseconds members_stop_limit{5000};  // from LeaveCluster to the end
  int max_restarts = 3;                                // of a member within restart_window
  std::chrono::milliseconds restart_window{300000};
  int default_slots = 16;
  std::chrono::milliseconds run_silence_limit{600000};  // a run may be stopped for a while (Ctrl-Z)
};

struct ManagerConfig {
  std::vector<PlannedMember> members;
  ManagerLimits limits;
  // Starts the process of a member that is ours; null in a test.
  std::function<std::unique_ptr<Process>(const std::string& member, Process::OnExit)> start;
  std::function<void(const std::string&)> report;  // a line for people
  std::function<void(std::string failure)> ended;  // called once; empty: as asked
};

struct ManagerState {
  using Time = std::chrono::steady_clock::time_point;
  struct Party {  // a member or a run, as an actor
    caf::strong_actor_ptr actor;
    Time last_heard;
  };

  const char* name = "manager";
  ManagerConfig config;
  Roster roster;
  std::map<std::string, Party> members;  // those that have joined
  std::map<int64_t, Party> runs;
  struct Start {  // of a member that is ours
    int number = 0;
    Time when;
    std::unique_ptr<Process> process;
    RestartBudget budget;
  };
  std::map<std::string, Start> starts;
  Time last_check;
  bool stopping = false, leaving = false, ended = false;
  Time stopping_since;
};

Manager::behavior_type manager(Traced<Manager, ManagerState>* self, ManagerConfig config);

}  // namespace troupe
