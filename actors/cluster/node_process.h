// What `troupe node` does: joins a cluster, hosts the actors that the plan gives it, and leaves
// when it is told to, or at once when its launcher is gone.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <string>

#include "actors/cluster/node_host.h"

namespace troupe {

struct NodeOptions {
  std::string join;  // "127.0.0.1:PORT"
  std::string name;
  std::string secret_file;
  std::string log_file;  // empty: standard output
  pid_t parent = 0;      // the launcher's pid if it started us: we die with it
};

// Ends the process: status 0 if told to leave, 1 otherwise. Does not return, because an actor that
// does not end in time must not keep the process.
[[noreturn]] void run_node(const NodeOptions& options, const ActorFactories& factories);

// Throws UsageError for an address that is none and a secret that cannot be read or is none.
void check_node_options(const NodeOptions& options);

// "127.0.0.1:4000" -> its parts. Throws unless the host is this machine's loopback.
std::pair<std::string, uint16_t> parse_join(const std::string& join);

}  // namespace troupe
