// Ctrl-C and SIGTERM as calls on a thread of their own, so that a run can stop in order.
#pragma once

#include <csignal>
#include <functional>
#include <thread>

namespace troupe {

class StopSignals {
 public:
  // Blocks SIGINT and SIGTERM in the calling thread and in those it starts from now on.
  StopSignals();
  ~StopSignals();  // stops listening and unblocks them again

  // Calls `on_signal` with the signal's number for each that came, or comes. Once only.
  void listen(std::function<void(int signal)> on_signal);
  void stop_listening();

 private:
  sigset_t before_;
  int signals_ = -1, end_ = -1;
  std::thread thread_;
};

}  // namespace troupe
