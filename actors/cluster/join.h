// How a process joins a run or a resident cluster: each side proves to the other that it knows the
// secret, which lies in a file that only the user can read. Challenge and response are
// HMAC-SHA256 over both sides' nonces, the node's name and who is speaking, so that a proof can
// neither be replayed nor reflected.
#pragma once

#include <caf/all.hpp>
#include <cstdint>
#include <functional>
#include <map>
#include <string>

#include "actors/cluster/directory.h"
#include "actors/cluster/plan.h"
#include "actors/cluster/supervisor.h"
#include "actors/messages.h"
#include "actors/trace/traced.h"

namespace troupe {

int num_cores_of_this_host();

// xxh3 of the file that this process runs, in hexadecimal: who has another one has other messages,
// or kernels that give other bits.
std::string program_checksum();

// What the launcher decides for every node, sent with the welcome.
struct NodeSettings {
  ClusterPlan plan;
  std::string run_dir;
  std::string runtime_dir;
  int64_t heartbeat_interval_ms = 1000;
  int64_t heartbeat_limit_ms = 15000;
  int64_t trace_interval_ms = 500;
  std::string model;              // file or folder that the run begins from; empty: none
  std::string model_fingerprint;  // storage/fingerprint.h
  // Each node's own:
  int num_cores = num_cores_of_this_host();
  bool shares_its_host = false;  // with other runs, whose nodes use the same runtime folder
};

// All but what each node finds out for itself.
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
// The same for a file that a user gave by `option`: throws UsageError that begins with it.
std::string secret_of(const std::string& option, const std::string& path);

// In the launcher: opens to those who know the secret.
using Door = caf::typed_actor<caf::replies_to<Hello>::with<Challenge>,
                              caf::replies_to<Prove>::with<Welcome>>;

struct DoorConfig {
  std::string secret;
  std::string program = program_checksum();
  // What somebody of this name, who has proved to know the secret, is given.
  std::function<caf::result<Welcome>(const std::string& name)> admit;
};

// Opens to the nodes of the plan.
DoorConfig door_of_run(std::string secret, NodeSettings settings, const Directory& directory,
                       const Supervisor& supervisor);

struct DoorState {
  struct Nonces {
    std::string node, launcher;
  };
  const char* name = "door";
  DoorConfig config;
  std::map<caf::actor_addr, Nonces> pending;  // by who said hello; each good for one proof
};

Door::behavior_type door(Traced<Door, DoorState>* self, DoorConfig config);

struct Joined {
  NodeSettings settings;
  Directory directory;
  Supervisor supervisor;
  std::string secret;    // the cluster's
  int data_socket = -1;  // already listening at the node's endpoint; -1: none
};

// Dials host:port and enters as `name`. Throws if nobody answers within 10 s, if either side's
// proof is wrong, or if the two run different programs.
Welcome enter(caf::actor_system& system, const std::string& host, uint16_t port,
              const std::string& name, const std::string& secret);

// Throws if the model on this host is not the launcher's.
void check_model(const NodeSettings& settings);

// In the node: enters its run's launcher, and checks that both have the same model.
Joined join(caf::actor_system& system, const std::string& host, uint16_t port,
            const std::string& node, const std::string& secret);

}  // namespace troupe
