// One process's share of the cluster: its transport, tracer and node actor, and the actors that the
// plan places here, each made by the factory of its kind. The launcher and every node process have
// one, so that a run in one process and a run in eight go the same way.
#pragma once

#include <caf/all.hpp>
#include <functional>
#include <map>
#include <string>

#include "actors/cluster/directory.h"
#include "actors/cluster/join.h"
#include "actors/cluster/node.h"
#include "actors/cluster/plan.h"
#include "actors/cluster/supervisor.h"
#include "actors/transport/transport.h"
#include "devices/cpu/core_lease.h"

namespace troupe {

// What a factory may use. Lives as long as the process's actors.
struct NodeContext {
  caf::actor_system& system;
  std::string node;
  ClusterPlan plan;
  std::string run_dir;
  std::string runtime_dir;  // for what lives as long as the run; its name is the run's alone
  Directory directory;      // Follow{address, self} tells an actor its peers
  Supervisor supervisor;    // TrainingStep and RunEnded go here
  int compute_threads = 1;
  CoreGate core_gate;   // a CoreLease on it around computing
  Transport transport;  // add_local() for an actor that takes tensors, outlet() to send some
};

// Makes the actor of a plan's entry. Kind -> factory is a table that main() builds.
using ActorFactory = std::function<caf::strong_actor_ptr(NodeContext&, const ActorPlan&)>;
using ActorFactories = std::map<std::string, ActorFactory>;

// For factories: any handle as the pointer that they return.
template <class Handle>
caf::strong_actor_ptr as_pointer(const Handle& actor) {
  return caf::actor_cast<caf::strong_actor_ptr>(actor);
}

class NodeHost {
 public:
  NodeHost(caf::actor_system& system, std::string node, const Joined& cluster);

  // Makes this node's actors, announces them to the directory, and reports ready; a factory that
  // throws ends the run with its error.
  void start_actors(const ActorFactories& factories);

  // Blocks until the node actor has left. Returns false if it did so because the launcher is gone.
  bool wait();

  NodeContext& context() { return context_; }
  const Node& node() const { return node_; }

 private:
  void host(const ActorPlan& plan, const caf::strong_actor_ptr& actor);

  NodeContext context_;
  Node node_;
};

// compute_threads of the plan, or max(1, cores / nodes on its host that host actors).
int compute_threads_of(const NodeSettings& settings, const std::string& node);

// Whether the compute threads of all nodes on this node's host may be more than its cores.
bool needs_core_leases(const NodeSettings& settings, const std::string& node);

}  // namespace troupe
