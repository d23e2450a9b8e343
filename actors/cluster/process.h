// A process that hosts a node of a run, seen from the launcher: a child of its own, or one that a
// resident cluster has started elsewhere.
#pragma once

#include <sys/types.h>

#include <chrono>
#include <functional>
#include <memory>
#include <string>

namespace troupe {

struct ExitStatus {
  bool by_signal = false;
  int number = 0;      // the exit status, or the signal's number
  std::string unseen;  // why nobody saw it end, "was lost with ..."; empty: the two above hold

  bool ok() const { return unseen.empty() && !by_signal && number == 0; }
};

std::string to_string(
    const ExitStatus& status);  // "exited with status 3", "was killed by signal 9 (Killed)"

class Process {
 public:
  using OnExit = std::function<void(ExitStatus)>;

  virtual ~Process() = default;  // kills it if it lives
  virtual pid_t pid() const = 0;
  virtual void terminate() = 0;  // SIGTERM; of no effect on a dead one
  virtual bool wait_until(std::chrono::steady_clock::time_point deadline) const = 0;  // true: dead
};

// What a node's process is told, so that it joins its run.
struct NodeCommand {
  std::string node;
  std::string join;  // the launcher's door, "host:port"
  std::string run_dir;
  std::string log_file;
};

// Starts the processes of a run's nodes.
class ProcessSource {
 public:
  virtual ~ProcessSource() = default;
  virtual std::string address() const = 0;  // this host's, as the processes reach it
  virtual std::string secret() const = 0;   // with which they join
  // `on_exit` runs on any thread. Throws if the process cannot be started.
  virtual std::unique_ptr<Process> start(const NodeCommand& command, Process::OnExit on_exit) = 0;
};

}  // namespace troupe
