// A process of ours, watched from birth to death. The thread that starts it is the thread that
// waits for its end, so that the child may ask to be killed with it (PR_SET_PDEATHSIG follows the
// parent's thread, not its process).
#pragma once

#include <sys/types.h>

#include <chrono>
#include <functional>
#include <future>
#include <string>
#include <thread>
#include <vector>

namespace troupe {

struct ExitStatus {
  bool by_signal = false;
  int number = 0;  // the exit status, or the signal's number

  bool ok() const { return !by_signal && number == 0; }
};

std::string to_string(
    ExitStatus status);  // "exited with status 3", "was killed by signal 9 (Killed)"

class ChildProcess {
 public:
  using OnExit = std::function<void(ExitStatus)>;

  // Starts command[0] (a path) with stdout and stderr appended to `log_file` and no signal blocked.
  // `on_exit` runs on the watching thread. Throws if the program cannot be started.
  ChildProcess(std::vector<std::string> command, std::string log_file, OnExit on_exit);
  ~ChildProcess();  // kills it with SIGKILL if it lives, and reaps it
  ChildProcess(const ChildProcess&) = delete;
  ChildProcess& operator=(const ChildProcess&) = delete;

  pid_t pid() const { return pid_; }
  void terminate();  // SIGTERM; of no effect on a dead one
  bool wait_until(std::chrono::steady_clock::time_point deadline) const;  // true: it is dead

 private:
  pid_t pid_ = 0;
  std::promise<void> dead_;
  std::shared_future<void> is_dead_ = dead_.get_future().share();
  std::thread watcher_;
};

// The program that is running now, by a path that `ps` shows well.
std::string own_program();

}  // namespace troupe
