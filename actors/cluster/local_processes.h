// The processes of a run's nodes as children of its launcher, on this host.
#pragma once

#include <string>
#include <vector>

#include "actors/cluster/process.h"

namespace troupe {

class LocalProcesses : public ProcessSource {
 public:
  // Leaves the run's secret in `secret_file`. `program`: this one with "node", if empty.
  LocalProcesses(std::string secret_file, std::vector<std::string> program);

  std::string address() const override;
  std::string secret() const override { return secret_; }
  std::unique_ptr<Process> start(const NodeCommand& command, Process::OnExit on_exit) override;

 private:
  std::string secret_file_, secret_;
  std::vector<std::string> program_;
};

// The words behind `troupe node` that make it this node of a run and a child of this process.
std::vector<std::string> node_arguments(const NodeCommand& command, const std::string& secret_file);

}  // namespace troupe
