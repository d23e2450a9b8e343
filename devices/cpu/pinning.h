// Keeping a process to some of the machine's cores and memory.
#pragma once

#include <string>

namespace troupe {

struct CorePlacement {
  std::string cores;   // "0-3,8"; empty: all of numa_node's, or any
  int numa_node = -1;  // whose memory to take where there is some left; -1: any
};

// All threads that the process has and will have. Returns how many cores they keep to. Throws an
// Error that names a core or NUMA node that this machine does not have.
int pin_process(const CorePlacement& placement);

}  // namespace troupe
