// Compute threads that compute at once on a host are at most its cores, though a run may have more
// node processes than cores: whoever computes holds a lease on a core. A core is a lock file in the
// run's runtime folder; the kernel lets go of the lock when its process dies. Waiting sleeps.
//
//   CoreLease lease(gate);   // around one program run or one kernel, never around a wait
//   pool.parallel(...);
#pragma once

#include <atomic>
#include <string>
#include <vector>

namespace troupe {

class CoreGate {
 public:
  CoreGate() = default;  // no limit: leases are free and cost nothing
  // One file a core in `folder`, which all processes of the run on this host share. 0: no limit.
  CoreGate(const std::string& folder, int num_cores);

  int num_cores() const { return static_cast<int>(files_.size()); }

 private:
  friend class CoreLease;
  int try_any() const;  // a locked descriptor, or -1
  int wait_for_one();   // a locked descriptor
  std::vector<std::string> files_;
  std::atomic<unsigned> turn_ = 0;  // spreads this process's waits over the cores
};

class CoreLease {
 public:
  explicit CoreLease(CoreGate& gate);  // waits; throws if the files cannot be opened
  ~CoreLease();
  CoreLease(const CoreLease&) = delete;
  CoreLease& operator=(const CoreLease&) = delete;

 private:
  int descriptor_ = -1;
};

}  // namespace troupe
