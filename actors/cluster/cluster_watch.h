// What the launcher knows of its nodes and what it concludes from it: which node is alive, ready,
// silent or gone, and which of that ends the run. Plain decisions on a clock that the caller
// brings.
#pragma once

#include <chrono>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "actors/cluster/process.h"

namespace troupe {

struct ClusterLimits {
  std::chrono::milliseconds heartbeat_interval{1000};
  std::chrono::milliseconds heartbeat_limit{15000};
  std::chrono::milliseconds join_limit{60000};  // from start of the process to its first heartbeat
  std::chrono::milliseconds stop_limit{10000};  // from Shutdown to the end of the process
};

struct NodeFailure {
  std::string node;
  std::string what;  // "was killed by signal 9 (Killed)"
  pid_t pid = 0;     // 0: the node has no process of its own
};

class ClusterWatch {
 public:
  using Time = std::chrono::steady_clock::time_point;

  ClusterWatch() = default;
  ClusterWatch(const std::vector<std::string>& nodes, ClusterLimits limits, Time now);

  void heard_from(const std::string& node, Time now);
  void ready(const std::string& node);
  bool all_ready() const;

  void stop(Time now);  // from now on nodes are expected to end
  bool all_ended() const;

  // Each tells what ended the run, if this does. Reports of a node's end after its first are
  // ignored.
  std::optional<NodeFailure> process_exited(const std::string& node, const ExitStatus& status);
  std::optional<NodeFailure> link_lost(const std::string& node);
  void left(const std::string& node);  // ended as asked, without a process of its own

  // To be called about once a heartbeat interval. A call that comes much too late shows that this
  // process itself was stopped (Ctrl-Z): then everybody's clock starts anew.
  std::optional<NodeFailure> tick(Time now);

 private:
  struct Node {
    bool heard = false, ready = false, ended = false;
    Time last_heard;
    std::chrono::system_clock::time_point last_heard_wall;
  };
  std::optional<NodeFailure> overdue(const std::string& name, const Node& node, Time now) const;

  std::map<std::string, Node> nodes_;
  ClusterLimits limits_;
  Time last_tick_;
  std::optional<Time> stopping_since_;
};

}  // namespace troupe
