#include "devices/cpu/pinning.h"

#include <numa.h>

#include <filesystem>
#include <memory>

#include "base/error.h"

// libnuma calls it instead of printing; what it warns of is thrown as an Error here.
extern "C" void numa_warn(int, char*, ...) {}

namespace troupe {
namespace {

using CpuMask = std::unique_ptr<bitmask, decltype(&numa_free_cpumask)>;

CpuMask cores_of(const CorePlacement& placement) {
  if (placement.cores.empty()) {
    CpuMask mask(numa_allocate_cpumask(), &numa_free_cpumask);
    numa_node_to_cpus(placement.numa_node, mask.get());
    return mask;
  }
  CpuMask mask(numa_parse_cpustring_all(placement.cores.c_str()), &numa_free_cpumask);
  if (!mask || numa_bitmask_weight(mask.get()) == 0)
    throw Error("cores \"" + placement.cores + "\": this machine has no such cores, only 0-" +
                std::to_string(numa_num_configured_cpus() - 1));
  return mask;
}

void take_memory_of(int numa_node) {
  if (numa_available() < 0 || numa_node > numa_max_node())
    throw Error("numa_node " + std::to_string(numa_node) + ": this machine's last one is " +
                std::to_string(numa_available() < 0 ? -1 : numa_max_node()));
  numa_set_preferred(numa_node);
}

}  // namespace

int pin_process(const CorePlacement& placement) {
  if (placement.numa_node >= 0) take_memory_of(placement.numa_node);
  const CpuMask mask = cores_of(placement);
  for (const auto& thread : std::filesystem::directory_iterator("/proc/self/task")) {
    const pid_t id = std::stoi(thread.path().filename().string());
    if (numa_sched_setaffinity(id, mask.get()) != 0 && errno != ESRCH)
      throw Error("cores \"" + placement.cores + "\": " + std::system_category().message(errno));
  }
  return static_cast<int>(numa_bitmask_weight(mask.get()));
}

}  // namespace troupe
