// A member of a resident cluster: starts node processes of runs on its host when the manager says
// so, and tells how they end. They die with it.
#pragma once

#include <caf/all.hpp>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <utility>

#include "actors/cluster/process.h"
#include "actors/messages.h"
#include "actors/trace/traced.h"

namespace troupe {

// Within the process only.
struct HostedExit {
  int64_t run = 0;
  std::string node;
  ExitStatus status;
};
struct PingManager {};

}  // namespace troupe

CAF_ALLOW_UNSAFE_MESSAGE_TYPE(troupe::HostedExit)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(troupe::PingManager)

namespace troupe {

using Member =
    caf::typed_actor<caf::replies_to<Prepare>::with<Prepared>,
                     caf::replies_to<StartNode>::with<NodeStarted>, caf::reacts_to<EndNode>,
                     caf::reacts_to<EndRun>, caf::reacts_to<LeaveCluster>,
                     caf::reacts_to<HostedExit>, caf::reacts_to<PingManager>>;

// What a member needs of the manager.
using MembersManager =
    caf::typed_actor<caf::reacts_to<MemberJoined>, caf::replies_to<Ping>::with<Pong>,
                     caf::reacts_to<NodeExited>>;

struct MemberConfig {
  MemberJoined self;  // what the manager is told; its actor is filled in
  MembersManager manager;
  // Starts a run's node; `data_socket` is inherited, -1: none.
  std::function<std::unique_ptr<Process>(const StartNode&, int data_socket, Process::OnExit)> start;
  std::function<void(const std::string&)> log;
  caf::timespan ping_interval = std::chrono::seconds(1);
  caf::timespan ping_limit = std::chrono::seconds(15);
};

struct MemberState {
  using Key = std::pair<int64_t, std::string>;  // run, node
  const char* name = "member";
  MemberConfig config;
  std::map<Key, int> data_sockets;  // prepared, not started yet
  std::map<Key, std::unique_ptr<Process>> processes;

  std::string prepare(const Prepare& node);  // the endpoint; empty on loopback
  int64_t start(const StartNode& node, const caf::actor_addr& self);
  void end_run(int64_t run);
  ~MemberState();
};

// Ends in order on LeaveCluster, with an error if that is a refusal or the manager is gone.
Member::behavior_type member(Traced<Member, MemberState>* self, MemberConfig config);

// xxh3 of run_dir/config.yaml. Throws Error if it cannot be read.
uint64_t config_checksum(const std::string& run_dir);

}  // namespace troupe
