// A folder for what a run needs only while it lives: sockets, the join secret, lock files. Short,
// so that socket paths fit, and readable by the user alone.
#pragma once

#include <string>

namespace troupe {

// Where processes of a host share memory. A run's files there begin with its runtime folder's name
// and are removed with it.
inline constexpr const char* kSharedMemoryFolder = "/dev/shm";

class RuntimeFolder {
 public:
  RuntimeFolder();   // also removes those of launchers that were killed
  ~RuntimeFolder();  // removes it
  RuntimeFolder(const RuntimeFolder&) = delete;
  RuntimeFolder& operator=(const RuntimeFolder&) = delete;

  const std::string& path() const { return path_; }

 private:
  std::string path_;
  int owner_lock_ = -1;  // held as long as the launcher lives
};

}  // namespace troupe
