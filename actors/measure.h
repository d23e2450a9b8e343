// What this machine reaches: products, memory, and links between threads, processes and hosts.
#pragma once

#include "graph/parallel/hardware.h"

namespace troupe {

// FLOPs of the matmul kernels on all cores and the memory that there is; the links are guesses.
Hardware measured_compute();

struct MeasuredLink {
  double bandwidth = 0;  // bytes per second
  double latency = 0;    // seconds
};
MeasuredLink measured_copy();           // memcpy within a process
MeasuredLink measured_shared_memory();  // an all_gather between two processes of this host
MeasuredLink measured_tcp();            // a message over loopback TCP, as between hosts

}  // namespace troupe
