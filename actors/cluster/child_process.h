// A process of ours, watched from birth to death. The thread that starts it is the thread that
// waits for its end, so that the child may ask to be killed with it (PR_SET_PDEATHSIG follows the
// parent's thread, not its process).
#pragma once

#include <future>
#include <string>
#include <thread>
#include <vector>

#include "actors/cluster/process.h"

namespace troupe {

class ChildProcess : public Process {
 public:
  // Starts command[0] (a path) with stdout and stderr appended to `log_file` and no signal blocked.
  // `inherited` is a descriptor that the child keeps under its number; -1: none.
  // `on_exit` runs on the watching thread. Throws if the program cannot be started.
  ChildProcess(std::vector<std::string> command, std::string log_file, OnExit on_exit,
               int inherited = -1);
  ~ChildProcess() override;  // kills it with SIGKILL if it lives, and reaps it
  ChildProcess(const ChildProcess&) = delete;
  ChildProcess& operator=(const ChildProcess&) = delete;

  pid_t pid() const override { return pid_; }
  void terminate() override;
  bool wait_until(std::chrono::steady_clock::time_point deadline) const override;

 private:
  pid_t pid_ = 0;
  std::promise<void> dead_;
  std::shared_future<void> is_dead_ = dead_.get_future().share();
  std::thread watcher_;
};

// The program that is running now, by a path that `ps` shows well.
std::string own_program();

}  // namespace troupe
