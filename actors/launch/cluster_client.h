// A run's side of a resident cluster: reserves places for its nodes, has their processes started
// there, and hears of their ends and of the cluster's.
//
//   ClusterClient client("10.0.0.1:7433", "secret");
//   auto places = client.reserve("quickstart", wanted, [](const std::string& line) {...});
//   run_rlhf(run_dir, show, &client);
#pragma once

#include <caf/all.hpp>
#include <condition_variable>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "actors/cluster/process.h"
#include "actors/cluster/socket_address.h"
#include "actors/launch/manager.h"
#include "actors/trace/system_config.h"

namespace troupe {

class ClusterClient : public ProcessSource {
 public:
  // Dials the cluster. Throws UsageError for an address or a secret that is none, Error if the
  // cluster does not answer or does not know the secret.
  ClusterClient(const std::string& address, const std::string& secret_file);
  ~ClusterClient() override;  // gives back what it holds

  ClusterStatus status();

  // Blocks until there is room for all nodes; `report` hears what it waits for. Throws UsageError
  // if there never can be, Error when the cluster ends. A waiting process may just be killed.
  std::vector<Place> reserve(const std::string& run, const std::vector<WantedNode>& nodes,
                             const std::function<void(const std::string&)>& report);

  // `stop` is called when the cluster stops or is lost, at once if it has. Empty: no more.
  void on_stop(std::function<void(const std::string& why)> stop);

  std::string address() const override { return own_address_; }
  std::string secret() const override { return secret_; }
  std::unique_ptr<Process> start(const NodeCommand& command, Process::OnExit on_exit) override;

 private:
  friend class HostedProcess;
  struct Hosted;  // a node's process, as far as we know
  void granted(const Granted& granted);
  void exited(const NodeExited& exited);
  void stops();
  void gone(const std::string& how);
  void end(const std::string& node, bool at_once);

  std::string secret_, own_address_;
  SocketAddress cluster_;
  caf::actor_system& system_;
  Manager manager_;
  caf::actor agent_;  // receives what the manager says
  int64_t run_ = 0;

  std::mutex mutex_;
  std::condition_variable changed_;
  std::optional<Granted> granted_;
  std::optional<std::string> lost_;  // why the cluster is of no use any more
  std::function<void(const std::string&)> stop_;
  std::map<std::string, std::shared_ptr<Hosted>> hosted_;
};

}  // namespace troupe
