// Starts the node processes, watches them, and decides when and how the run ends: as asked, or by
// the death or silence of a node. A failure is reported first, then everything else is ended.
#pragma once

#include <caf/all.hpp>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "actors/cluster/cluster_watch.h"
#include "actors/cluster/process.h"
#include "actors/messages.h"
#include "actors/trace/traced.h"

namespace troupe {

// From this process only, most of them to itself.
struct StartNodes {};
struct ProcessExited {
  std::string node;
  ExitStatus status;
};
struct LinkLost {
  std::string node;
};
struct CheckSilence {};
struct StopRun {
  int signal = 0;
};

}  // namespace troupe

CAF_ALLOW_UNSAFE_MESSAGE_TYPE(troupe::StartNodes)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(troupe::ProcessExited)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(troupe::LinkLost)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(troupe::CheckSilence)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(troupe::StopRun)

namespace troupe {

using Supervisor = caf::typed_actor<caf::reacts_to<StartNodes>, caf::reacts_to<NodeReady>,
                                    caf::reacts_to<Heartbeat>, caf::reacts_to<ActorDied>,
                                    caf::reacts_to<RunEnded>, caf::reacts_to<TrainingStep>,
                                    caf::reacts_to<ProcessExited>, caf::reacts_to<LinkLost>,
                                    caf::reacts_to<CheckSilence>, caf::reacts_to<StopRun>>;

// How a run ended. A node's failure has been reported already; one that an actor told of by
// RunEnded has not.
struct RunOutcome {
  bool ok = false;
  bool reported = true;
  std::string failure;  // one line; empty if ok
  int signal = 0;       // which signal asked the run to stop, 0: none
};

struct SupervisorConfig {
  std::vector<std::string> nodes;  // all, this process's own included
  ClusterLimits limits;
  // Starts a node's process; null if the node lives in this process, or in a test.
  std::function<std::unique_ptr<Process>(const std::string& node, Process::OnExit)> start;
  std::function<void(const NodeFailure&)> report;
  std::function<void()> ready;            // all nodes are
  std::function<void(RunOutcome)> ended;  // called once, when no other process is left
};

struct SupervisorState {
  const char* name = "supervisor";
  SupervisorConfig config;
  ClusterWatch watch;
  std::map<std::string, std::unique_ptr<Process>> processes;
  std::map<std::string, caf::strong_actor_ptr> nodes;
  RunOutcome outcome;
  bool stopping = false, ended = false;

  void stop(RunOutcome how, ClusterWatch::Time now);  // asks all nodes to leave
  void fail(NodeFailure failure);
  void end();  // of all processes, by force if need be
  void end_if_all_left();
};

Supervisor::behavior_type supervisor(Traced<Supervisor, SupervisorState>* self,
                                     SupervisorConfig config);

}  // namespace troupe
