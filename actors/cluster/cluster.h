// A running cluster, as an app sees it: start it from a plan, talk to its actors, wait for its end.
//
//   auto cluster = Cluster::start({.plan = plan, .factories = factories, .run_dir = run_dir});
//   caf::anon_send(cluster->find<Coordinator>("coordinator"), StartRun{});
//   RunOutcome outcome = cluster->wait();
#pragma once

#include <future>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "actors/cluster/local_processes.h"
#include "actors/cluster/node_host.h"
#include "actors/cluster/runtime_folder.h"
#include "actors/cluster/stop_signals.h"

namespace troupe {

struct ClusterOptions {
  ClusterPlan plan;          // actors on node "launcher" live in this process, others in their own
  ActorFactories factories;  // node processes build the same table
  std::string run_dir;       // journal/ and logs/ are made in it
  ClusterLimits limits;
  std::chrono::milliseconds trace_interval{500};  // 0: no tracing
  bool one_process = false;                       // all actors in this process
  std::vector<std::string> node_command;          // empty: this program, "node"
  ProcessSource* processes = nullptr;             // null: node_command, as children of this process
  std::string model;  // file or folder that every node needs alike; empty: none
  std::function<void(const std::string&)> report;  // a failure's text; empty: standard error
};

class Cluster {
 public:
  // Call before other threads are started, so that SIGINT and SIGTERM stop the run in order.
  // Returns when every actor of the plan is announced, or the run has failed before that: then
  // wait() returns at once. Throws on a plan that cannot be.
  static std::unique_ptr<Cluster> start(ClusterOptions options);
  ~Cluster();  // stops the run if it still goes on

  // Blocks until an actor sent RunEnded to the supervisor, a signal came, or a node failed. No
  // other process is left then, and a failure has been reported.
  RunOutcome wait();
  // Whether that is so now, or within `limit`.
  bool ended(std::chrono::seconds limit = {}) const;
  // Asks for the end, as Ctrl-C does; `why` is then the outcome's failure.
  void stop(const std::string& why = "stopped before its end");

  // The actor at an address of the plan. Throws if it is not there (any more).
  template <class Handle>
  Handle find(const std::string& address) {
    return caf::actor_cast<Handle>(find_pointer(address));
  }

  caf::actor_system& system() { return system_; }
  NodeContext& context() { return host_->context(); }  // this process's
  const ClusterPlan& plan() const { return options_.plan; }

 private:
  explicit Cluster(ClusterOptions options);
  caf::strong_actor_ptr find_pointer(const std::string& address);
  NodeSettings settings() const;
  SupervisorConfig supervisor_config();
  std::unique_ptr<Process> start_process(const std::string& node, Process::OnExit on_exit);
  std::string log_file(const std::string& node) const;
  void report(const NodeFailure& failure) const;
  void note(const NodeFailure& failure) const;  // in the run folder
  void started();
  void end_actors();  // the supervisor first, then those whom it talks to

  ClusterOptions options_;
  RuntimeFolder runtime_folder_;
  StopSignals signals_;  // before any thread exists
  std::once_flag started_once_;
  std::promise<void> started_;  // every actor is there, or the run has ended
  std::promise<RunOutcome> ended_;
  std::shared_future<RunOutcome> outcome_ = ended_.get_future().share();
  LocalProcesses own_processes_;
  ProcessSource& processes_;
  uint16_t port_ = 0;
  caf::actor_system& system_ = new_lasting_system();
  Directory directory_;
  Supervisor supervisor_;
  Door door_;
  std::unique_ptr<NodeHost> host_;
};

}  // namespace troupe
