#include "actors/launch/scheduler.h"

#include <charconv>
#include <cstdlib>

#include "base/error.h"

namespace troupe {
namespace {

struct RankVariable {
  const char* name;
  const char* scheduler;
};

// srun's steps may run an MPI inside, so MPI's own word comes first.
constexpr RankVariable kRanks[] = {{"OMPI_COMM_WORLD_RANK", "MPI"},
                                   {"PMIX_RANK", "MPI"},
                                   {"PMI_RANK", "MPI"},
                                   {"SLURM_PROCID", "Slurm"},
                                   {"JOB_COMPLETION_INDEX", "Kubernetes"}};

int rank_in(const RankVariable& variable, const std::string& value) {
  int rank = -1;
  const auto* end = value.data() + value.size();
  const auto [parsed, error] = std::from_chars(value.data(), end, rank);
  if (error != std::errc() || parsed != end || rank < 0)
    throw UsageError(std::string(variable.name) + " = " + value + ": expected this process's rank");
  return rank;
}

std::string with_port(const std::string& host, const std::string& port) {
  if (host.empty() || host.find(':') != std::string::npos) return host;
  return host + ":" + (port.empty() ? std::to_string(kDefaultPort) : port);
}

std::string address_in(const Environment& environment) {
  if (const auto address = environment("TROUPE_CLUSTER"); !address.empty())
    return with_port(address, "");
  if (const auto host = environment("MASTER_ADDR"); !host.empty())
    return with_port(host, environment("MASTER_PORT"));
  return with_port(environment("SLURM_LAUNCH_NODE_IPADDR"), "");
}

}  // namespace

std::string SchedulerPlace::member_name() const {
  return rank ? "node-" + std::to_string(*rank) : "";
}

std::string process_environment(const char* name) {
  const char* value = std::getenv(name);
  return value != nullptr ? value : "";
}

SchedulerPlace scheduler_place(const Environment& environment) {
  SchedulerPlace place;
  place.address = address_in(environment);
  for (const auto& variable : kRanks) {
    const auto value = environment(variable.name);
    if (value.empty()) continue;
    place.scheduler = variable.scheduler;
    place.rank = rank_in(variable, value);
    break;
  }
  return place;
}

}  // namespace troupe
