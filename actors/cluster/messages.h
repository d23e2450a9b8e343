// What nodes, directory and supervisor say to each other. To add a message: a struct with default
// member values, a TROUPE_MESSAGE line naming its members, and its name in the list at the end.
#pragma once

#include <cstdint>
#include <string>

#include "actors/message.h"

namespace troupe {

// To the directory: `actor` answers to this name (a plan's address, "policy/pp0") from now on.
struct Announce {
  std::string name;
  caf::strong_actor_ptr actor;
};
TROUPE_MESSAGE(Announce, x.name, x.actor)

// To the directory: tell `follower` who answers to `name`, now and at every change. The follower
// accepts PeerChanged.
struct Follow {
  std::string name;
  caf::strong_actor_ptr follower;
};
TROUPE_MESSAGE(Follow, x.name, x.follower)

struct PeerChanged {
  std::string name;
  caf::strong_actor_ptr actor;  // null: gone, a new one may follow
};
TROUPE_MESSAGE(PeerChanged, x.name, x.actor)

// To the directory; the reply is Found, an error if nobody answers to the name.
struct Find {
  std::string name;
};
TROUPE_MESSAGE(Find, x.name)

struct Found {
  caf::strong_actor_ptr actor;
};
TROUPE_MESSAGE(Found, x.actor)

// Joining, node to launcher. Each side proves that it knows the cluster's secret (join.h).
struct Hello {
  std::string node;
  std::string nonce;
};
TROUPE_MESSAGE(Hello, x.node, x.nonce)

struct Challenge {
  std::string nonce;
  std::string proof;  // the launcher's
};
TROUPE_MESSAGE(Challenge, x.nonce, x.proof)

struct Prove {
  std::string node;
  std::string proof;    // the node's
  std::string program;  // its own, as program_checksum (join.h) says it
};
TROUPE_MESSAGE(Prove, x.node, x.proof, x.program)

struct Welcome {
  std::string settings;  // NodeSettings as JSON
  caf::strong_actor_ptr directory;
  caf::strong_actor_ptr supervisor;
};
TROUPE_MESSAGE(Welcome, x.settings, x.directory, x.supervisor)

// Node to supervisor: all of this node's actors exist and are announced.
struct NodeReady {
  std::string node;
};
TROUPE_MESSAGE(NodeReady, x.node)

struct Heartbeat {
  std::string node;
};
TROUPE_MESSAGE(Heartbeat, x.node)

// Node to supervisor: a hosted actor ended with an error. Ends the run.
struct ActorDied {
  std::string node;
  std::string address;
  std::string reason;
};
TROUPE_MESSAGE(ActorDied, x.node, x.address, x.reason)

// To the supervisor, by whoever decides that the run is over (the coordinator). `failure` is empty
// if the run did what it was asked to.
struct RunEnded {
  std::string failure;
};
TROUPE_MESSAGE(RunEnded, x.failure)

// To the supervisor, which tells every node: the training step that is running now.
struct TrainingStep {
  int64_t step = 0;
};
TROUPE_MESSAGE(TrainingStep, x.step)

// To a node: end all actors, write the last journal record, leave.
struct Shutdown {};
TROUPE_MESSAGE(Shutdown)

// To a node; the reply is NodeStats.
struct GetStats {};
TROUPE_MESSAGE(GetStats)

struct NodeStats {
  std::string record;  // encoded NodeRecord (storage/journal/node_record.h)
};
TROUPE_MESSAGE(NodeStats, x.record)

}  // namespace troupe

// By hand: clang-format lays such lists out anew each time that it runs.
// clang-format off
#define TROUPE_CLUSTER_MESSAGES(ADD) \
  ADD(Announce) ADD(Follow) ADD(PeerChanged) ADD(Find) ADD(Found) ADD(Hello) \
  ADD(Challenge) ADD(Prove) ADD(Welcome) ADD(NodeReady) ADD(Heartbeat) ADD(ActorDied) \
  ADD(RunEnded) ADD(TrainingStep) ADD(Shutdown) ADD(GetStats) ADD(NodeStats)
// clang-format on
