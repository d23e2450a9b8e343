#include "actors/launch/scheduler.h"

#include <charconv>
#include <cstdlib>

#include "base/error.h"

namespace troupe {
namespace {

// Of MPI, Slurm and a Kubernetes indexed job. srun's steps may run an MPI inside, so its own word
// comes first.
constexpr const char* kRanks[] = {"OMPI_COMM_WORLD_RANK", "PMIX_RANK", "PMI_RANK", "SLURM_PROCID",
                                  "JOB_COMPLETION_INDEX"};

int rank_in(const std::string& variable, const std::string& value) {
  int rank = -1;
  const auto* end = value.data() + value.size();
  const auto [parsed, error] = std::from_chars(value.data(), end, rank);
  if (error != std::errc() || parsed != end || rank < 0)
    throw UsageError(variable + " = " + value + ": expected this process's rank");
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
  for (const char* variable : kRanks) {
    const auto value = environment(variable);
    if (value.empty()) continue;
    place.rank = rank_in(variable, value);
    break;
  }
  return place;
}

}  // namespace troupe
