// A cluster of actors that do next to nothing, in real processes: what cluster tests start and
// kill.
#pragma once

#include <string>
#include <vector>

#include "actors/cluster/cluster.h"

namespace troupe {

// Kinds: "echo" (answers GetStats with its address), "broken" (cannot be made), "fragile" (dies of
// an exception at its first TrainingStep).
ActorFactories echo_factories();

// An echo actor "echo/<i>" on each of `num_nodes` nodes "node-<i>".
ClusterPlan echo_plan(int num_nodes);

// With short limits, this program as the node command, and the report in `report`.
ClusterOptions echo_options(ClusterPlan plan, const std::string& run_dir, std::string* report);

[[noreturn]] void run_echo_node(const std::vector<std::string>& arguments);

// Starts an echo cluster in arguments[0], prints "ready <pid of node 0> <pid of node 1>", waits.
int run_echo_launcher(const std::vector<std::string>& arguments);

// The process ids in the logs' "is started as pid" lines, by node order.
std::vector<pid_t> node_pids(const std::string& run_dir);

}  // namespace troupe
