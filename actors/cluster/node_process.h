// A node of a run as a process (`troupe node --run-node`, which launchers and cluster members
// start): joins its run, hosts the actors that the plan gives it, and leaves when it is told to, or
// at once when its launcher is gone.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <string>

#include "actors/cluster/node_host.h"

namespace troupe {

struct NodeOptions {
  std::string join;  // the run's launcher, "HOST:PORT"
  std::string name;
  std::string secret_file;
  std::string log_file;     // empty: standard output
  pid_t parent = 0;         // the pid of who started us, if we are to die with it
  std::string runtime_dir;  // that of the host's runs; empty: the launcher's
  int data_socket = -1;     // inherited, listens at the node's endpoint; -1: none
};

// Ends the process: status 0 if told to leave, 1 otherwise. Does not return, because an actor that
// does not end in time must not keep the process.
[[noreturn]] void run_node(const NodeOptions& options, const ActorFactories& factories);

// Throws UsageError for an address that is none and a secret that cannot be read or is none.
void check_node_options(const NodeOptions& options);

// From now on this process dies with `parent`, which has started it.
void die_with(pid_t parent);

}  // namespace troupe
