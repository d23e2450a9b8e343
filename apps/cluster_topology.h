// `troupe topology --cluster`: a resident cluster's members and runs, and the topology of each run
// that goes on.
#pragma once

#include <string>

#include "actors/launch/messages.h"

namespace troupe {

// Members with their slots and what happened to them, runs with where their nodes live; 100
// columns.
std::string to_text(const ClusterStatus& status);

// Asks the cluster and prints; docs/topology.md has the JSON.
void show_cluster(const std::string& address, const std::string& secret_file, bool as_json);

}  // namespace troupe
