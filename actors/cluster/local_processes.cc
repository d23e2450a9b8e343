#include "actors/cluster/local_processes.h"

#include <unistd.h>

#include "actors/cluster/child_process.h"
#include "actors/cluster/join.h"

namespace troupe {

LocalProcesses::LocalProcesses(std::string secret_file, std::vector<std::string> program)
    : secret_file_(std::move(secret_file)),
      secret_(write_secret(secret_file_)),
      program_(std::move(program)) {
  if (program_.empty()) program_ = {own_program(), "node"};
}

std::string LocalProcesses::address() const {
  return "127.0.0.1";
}

std::unique_ptr<Process> LocalProcesses::start(const NodeCommand& command,
                                               Process::OnExit on_exit) {
  auto words = program_;
  for (auto& word : node_arguments(command, secret_file_)) words.push_back(std::move(word));
  return std::make_unique<ChildProcess>(std::move(words), command.log_file, std::move(on_exit));
}

std::vector<std::string> node_arguments(const NodeCommand& command,
                                        const std::string& secret_file) {
  return {"--run-node",    command.node, "--join",   command.join,
          "--secret-file", secret_file,  "--parent", std::to_string(getpid())};
}

}  // namespace troupe
