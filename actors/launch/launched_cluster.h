// What `troupe launch` does: opens a resident cluster's door, starts its members, and stays until
// it is told to stop or no member is left.
#pragma once

#include <functional>
#include <future>
#include <memory>
#include <string>

#include "actors/cluster/join.h"
#include "actors/cluster/runtime_folder.h"
#include "actors/cluster/socket_address.h"
#include "actors/cluster/stop_signals.h"
#include "actors/launch/manager.h"
#include "base/cluster_config.h"

namespace troupe {

class LaunchedCluster {
 public:
  // `folder` exists; logs/ and, unless the config has one elsewhere, the secret are made in it.
  // `report` gets a line for people at each event, on any thread. Call before other threads are
  // started. Throws UsageError if the address cannot be listened on.
  LaunchedCluster(const Config& config, std::string folder,
                  std::function<void(const std::string&)> report);
  ~LaunchedCluster();

  const SocketAddress& address() const { return address_; }  // with the port that it has
  const std::string& secret_file() const { return secret_file_; }
  void start_members();

  // Blocks until SIGINT or SIGTERM has stopped it (""), or no member is left (why). No process of
  // its own is left then.
  std::string wait();

 private:
  ManagerConfig manager_config();
  std::unique_ptr<Process> start_member(ClusterConfig::Node::Reader node, Process::OnExit on_exit);
  void open_door();
  void report(const std::string& line) const;

  ClusterConfig::Reader config_;
  std::string folder_;
  std::function<void(const std::string&)> report_;
  RuntimeFolder runtime_folder_;
  StopSignals signals_;  // before any thread exists
  std::string secret_file_, secret_;
  SocketAddress address_;
  std::promise<std::string> ended_;
  caf::actor_system& system_ = new_lasting_system();
  Manager manager_;
  Door door_;
};

}  // namespace troupe
