// A process's right to compute: its thread pool, and leases that keep all computing threads of the
// host together to at most its cores.
#pragma once

#include <algorithm>
#include <memory>
#include <semaphore>

#include "devices/cpu/core_lease.h"
#include "devices/cpu/thread_pool.h"

namespace troupe {

class Compute {
 public:
  // So many actors of this process compute at once that their threads together are at most
  // `num_cores`. `gate` does the same among the host's processes; it must outlive this.
  Compute(int num_threads, int num_cores, CoreGate& gate)
      : pool_(num_threads), slots_(std::max(1, num_cores / num_threads)), gate_(gate) {}

  ThreadPool& pool() { return pool_; }

  // Held around one program run, never around a wait for a message.
  class Lease {
   public:
    explicit Lease(Compute& compute)
        : compute_(((void)compute.slots_.acquire(), compute)), core_(compute.gate_) {}
    ~Lease() { compute_.slots_.release(); }
    Lease(const Lease&) = delete;
    Lease& operator=(const Lease&) = delete;

   private:
    Compute& compute_;
    CoreLease core_;
  };
  Lease lease() { return Lease(*this); }

 private:
  ThreadPool pool_;
  std::counting_semaphore<1024> slots_;
  CoreGate& gate_;
};

}  // namespace troupe
