// Which node processes a run has and which actors live where: plain data, made from the run's
// config by the app, sent to every node when it joins.
#pragma once

#include <optional>
#include <string>
#include <vector>

namespace troupe {

// The node that the launching process itself hosts. Any other node is a process of its own.
inline constexpr const char* kLauncherNode = "launcher";

struct NodePlan {
  std::string name;         // "trainer-0"
  std::string endpoint;     // ZeroMQ, "ipc://..." or "tcp://..."; empty: the cluster picks one
  int compute_threads = 0;  // 0: max(1, cores / nodes on the host)
  std::string host;         // nodes with the same text share a host's cores; empty: the launcher's
};

struct ActorPlan {
  std::string address;  // "policy/pp0", unique
  std::string kind;     // which factory makes it
  std::string node;
  std::string config;  // JSON, read by the factory

  std::string full_address() const { return address + "@" + node; }
};

struct ClusterPlan {
  std::vector<NodePlan> nodes;
  std::vector<ActorPlan> actors;

  // Throws on duplicate names and addresses, and on actors of unknown nodes.
  void check() const;

  std::vector<ActorPlan> actors_of(const std::string& node) const;
  const ActorPlan* find(const std::string& address) const;  // null: not in the plan

  // The same actors, all in the launching process.
  ClusterPlan in_one_process() const;
};

std::string to_json(const ClusterPlan& plan);
ClusterPlan plan_from_json(const std::string& text);  // throws on malformed text and by check()

}  // namespace troupe
