#include "devices/cpu/core_lease.h"

#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "base/error.h"

namespace troupe {
namespace {

// A lock belongs to the open file, so each lease opens its own: threads of one process count too.
int open_file(const std::string& path) {
  int descriptor = open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600);
  std::string reason = std::strerror(errno);
  CHECK(descriptor >= 0, path, reason);
  return descriptor;
}

bool lock(int descriptor, int how) {
  int failed = 0;
  do failed = flock(descriptor, how);
  while (failed != 0 && errno == EINTR);
  return failed == 0;
}

}  // namespace

CoreGate::CoreGate(const std::string& folder, int num_cores)
    : turn_(static_cast<unsigned>(getpid())) {
  CHECK(num_cores >= 0, num_cores);
  for (int core = 0; core < num_cores; ++core)
    files_.push_back(folder + "/core-" + std::to_string(core) + ".lock");
}

int CoreGate::try_any() const {
  for (const auto& file : files_) {
    int descriptor = open_file(file);
    if (lock(descriptor, LOCK_EX | LOCK_NB)) return descriptor;
    close(descriptor);
  }
  return -1;
}

// The kernel hands a lock on in order of arrival, and turns spread the waiters evenly.
int CoreGate::wait_for_one() {
  const auto& file = files_[turn_++ % files_.size()];
  int descriptor = open_file(file);
  bool locked = lock(descriptor, LOCK_EX);
  CHECK(locked, file);
  return descriptor;
}

CoreLease::CoreLease(CoreGate& gate) {
  if (gate.num_cores() == 0) return;
  descriptor_ = gate.try_any();
  if (descriptor_ < 0) descriptor_ = gate.wait_for_one();
}

CoreLease::~CoreLease() {
  if (descriptor_ >= 0) close(descriptor_);
}

}  // namespace troupe
