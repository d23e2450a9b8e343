// What the schedulers of clusters tell a process that they have started: which one of how many it
// is, and where the others' meeting point is. So `srun troupe node`, `mpirun troupe node` and a
// Kubernetes indexed job start members of a resident cluster without a flag.
#pragma once

#include <functional>
#include <optional>
#include <string>

namespace troupe {

inline constexpr int kDefaultPort = 7433;  // of a resident cluster

struct SchedulerPlace {
  std::optional<int> rank;
  std::string address;  // of the cluster, "host:port"; empty: the environment does not tell

  std::string member_name() const;  // "node-3"; empty without a rank
};

// The value of an environment variable; empty if it is not set.
using Environment = std::function<std::string(const char* name)>;
std::string process_environment(const char* name);

// The cluster's address is TROUPE_CLUSTER ("host:port", or a host with the default port), else
// MASTER_ADDR (with MASTER_PORT), else the host where srun runs. Throws UsageError for a rank that
// is no number.
SchedulerPlace scheduler_place(const Environment& environment = process_environment);

}  // namespace troupe
