// How a node process joins: over loopback, each side proves to the other that it knows the secret
// which the launcher left in a file that only the user can read. Challenge and response are
// HMAC-SHA256 over both sides' nonces, the node's name and who is speaking, so that a proof can
// neither be replayed nor reflected.
#pragma once

#include <caf/all.hpp>
#include <cstdint>
#include <map>
#include <string>

#include "actors/cluster/directory.h"
#include "actors/cluster/plan.h"
#include "actors/cluster/supervisor.h"
#include "actors/messages.h"
#include "actors/trace/traced.h"

namespace troupe {

// What the launcher decides for every node, sent with the welcome.
struct NodeSettings {
  ClusterPlan plan;
  std::string run_dir;
  std::string runtime_dir;
  int64_t heartbeat_interval_ms = 1000;
  int64_t trace_interval_ms = 500;
  int num_cores = 1;
  bool needs_core_leases = false;  // more compute threads than cores
};

std::string to_json(const NodeSettings& settings);
NodeSettings settings_from_json(const std::string& text);  // throws on malformed text

// The proof that `speaker` ("launcher" or "node") gives for this node's joining.
std::string join_proof(const std::string& secret, const std::string& speaker,
                       const std::string& node, const std::string& node_nonce,
                       const std::string& launcher_nonce);

// Makes a secret and writes it to a new file with mode 0600. Returns the secret.
std::string write_secret(const std::string& path);
// Throws if others than the owner may read the file, or if it is no secret of ours.
std::string read_secret(const std::string& path);

// In the launcher: opens to nodes of the plan that know the secret.
using Door = caf::typed_actor<caf::replies_to<Hello>::with<Challenge>,
                              caf::replies_to<Prove>::with<Welcome>>;

struct DoorConfig {
  std::string secret;
  NodeSettings settings;
  Directory directory;
  Supervisor supervisor;
};

struct DoorState {
  struct Nonces {
    std::string node, launcher;
  };
  const char* name = "door";
  DoorConfig config;
  std::map<std::string, Nonces> pending;  // by node; each good for one proof
};

Door::behavior_type door(Traced<Door, DoorState>* self, DoorConfig config);

struct Joined {
  NodeSettings settings;
  Directory directory;
  Supervisor supervisor;
};

// In the node: dials host:port and joins as `node`. Throws if nobody answers within 10 s, or if
// either side's proof is wrong.
Joined join(caf::actor_system& system, const std::string& host, uint16_t port,
            const std::string& node, const std::string& secret);

}  // namespace troupe
