// What a resident cluster's manager, its members and the runs on it say to each other. A member is
// a process (`troupe node --join`) that starts node processes of runs on its host; a run is a
// `troupe rlhf --cluster` that wants some. To add a message: a struct with default member values, a
// TROUPE_MESSAGE line naming its members, and its name in the list at the end.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "actors/message.h"

namespace troupe {

// Member to manager, once it is through the door.
struct MemberJoined {
  std::string member;
  std::string host;     // its name, for people
  std::string address;  // at which the other members reach it
  int64_t pid = 0;
  int32_t slots = 0;  // node processes at once; 0: what the cluster's config says
  caf::strong_actor_ptr actor;
};
TROUPE_MESSAGE(MemberJoined, x.member, x.host, x.address, x.pid, x.slots, x.actor)

// To the manager, by members and runs: a sign of life, and a look for one. The reply is Pong.
struct Ping {};
TROUPE_MESSAGE(Ping)
struct Pong {};
TROUPE_MESSAGE(Pong)

// A node of a run and where it is to live.
struct WantedNode {
  std::string node;
  std::string member;  // empty: anywhere
};
TROUPE_MESSAGE(WantedNode, x.node, x.member)

struct Place {
  std::string node;
  std::string member;
  std::string host;
  std::string endpoint;  // where it receives tensors; empty: the run picks one on this host
};
TROUPE_MESSAGE(Place, x.node, x.member, x.host, x.endpoint)

// Run to manager; the reply is Queued, or why there can never be room. Granted follows when there
// is.
struct Reserve {
  std::string run;  // what people call it
  std::vector<WantedNode> nodes;
  caf::strong_actor_ptr client;
};
TROUPE_MESSAGE(Reserve, x.run, x.nodes, x.client)

struct Queued {
  int64_t id = 0;       // the run's
  std::string waiting;  // for what; empty: it does not wait
};
TROUPE_MESSAGE(Queued, x.id, x.waiting)

struct Granted {
  std::vector<Place> places;
  std::string failure;  // why not
};
TROUPE_MESSAGE(Granted, x.places, x.failure)

// Run to manager: what it holds is free again.
struct Release {
  int64_t run = 0;
};
TROUPE_MESSAGE(Release, x.run)

// Manager to member: get ready for this node. The reply is Prepared.
struct Prepare {
  int64_t run = 0;
  std::string node;
};
TROUPE_MESSAGE(Prepare, x.run, x.node)

struct Prepared {
  std::string endpoint;
};
TROUPE_MESSAGE(Prepared, x.endpoint)

// Run to manager to member; the reply is NodeStarted.
struct StartNode {
  int64_t run = 0;
  std::string node;
  std::string join;  // the run's launcher, "host:port"
  std::string run_dir;
  std::string log_file;
  uint64_t config_checksum =
      0;  // xxh3 of run_dir/config.yaml: does the member see the same folder?
};
TROUPE_MESSAGE(StartNode, x.run, x.node, x.join, x.run_dir, x.log_file, x.config_checksum)

struct NodeStarted {
  int64_t pid = 0;
};
TROUPE_MESSAGE(NodeStarted, x.pid)

// Run to manager to member. Of no effect on a node that has ended.
struct EndNode {
  int64_t run = 0;
  std::string node;
  bool at_once = false;  // SIGKILL instead of SIGTERM
};
TROUPE_MESSAGE(EndNode, x.run, x.node, x.at_once)

// Manager to member: end all that this run still has here.
struct EndRun {
  int64_t run = 0;
};
TROUPE_MESSAGE(EndRun, x.run)

// Member to manager to run.
struct NodeExited {
  int64_t run = 0;
  std::string node;
  bool by_signal = false;
  int32_t number = 0;
  std::string unseen;  // as in ExitStatus
};
TROUPE_MESSAGE(NodeExited, x.run, x.node, x.by_signal, x.number, x.unseen)

// Manager to runs: end in order now.
struct ClusterStops {};
TROUPE_MESSAGE(ClusterStops)

// Manager to members: leave.
struct LeaveCluster {
  std::string refusal;  // why it must not be one; empty: as asked
};
TROUPE_MESSAGE(LeaveCluster, x.refusal)

// To the manager; the reply is ClusterStatus.
struct GetCluster {};
TROUPE_MESSAGE(GetCluster)

struct MemberStatus {
  std::string member, host, address;
  std::string state;  // "expected", "ready", "lost" or "given up"
  int64_t pid = 0;
  int32_t slots = 0, used = 0;
  std::vector<std::string> history;  // what happened to it, oldest first
};
TROUPE_MESSAGE(MemberStatus, x.member, x.host, x.address, x.state, x.pid, x.slots, x.used,
               x.history)

struct RunStatus {
  std::string run;
  std::string run_dir;  // empty until it has started
  std::string state;    // "waiting" or "running"
  std::vector<Place> places;
};
TROUPE_MESSAGE(RunStatus, x.run, x.run_dir, x.state, x.places)

struct ClusterStatus {
  std::vector<MemberStatus> members;
  std::vector<RunStatus> runs;
};
TROUPE_MESSAGE(ClusterStatus, x.members, x.runs)

}  // namespace troupe

// By hand: clang-format lays such lists out anew each time that it runs.
// clang-format off
#define TROUPE_LAUNCH_MESSAGES(ADD) \
  ADD(MemberJoined) ADD(Ping) ADD(Pong) ADD(Reserve) ADD(Queued) ADD(Granted) ADD(Release) \
  ADD(Prepare) ADD(Prepared) ADD(StartNode) ADD(NodeStarted) ADD(EndNode) ADD(EndRun) \
  ADD(NodeExited) ADD(ClusterStops) ADD(LeaveCluster) ADD(GetCluster) ADD(ClusterStatus)
// clang-format on
