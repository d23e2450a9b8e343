// A process that only the test ends, and that tells when it is told to.
#pragma once

#include <memory>
#include <string>

#include "actors/cluster/process.h"

namespace troupe {

struct FakeProcess : Process {
  struct Log {
    Process::OnExit on_exit;
    bool terminated = false, destroyed = false;
  };

  FakeProcess(std::shared_ptr<Log> log, pid_t pid) : log_(std::move(log)), pid_(pid) {}
  ~FakeProcess() override { log_->destroyed = true; }
  pid_t pid() const override { return pid_; }
  void terminate() override { log_->terminated = true; }
  bool wait_until(std::chrono::steady_clock::time_point) const override { return true; }

 private:
  std::shared_ptr<Log> log_;
  pid_t pid_;
};

}  // namespace troupe
