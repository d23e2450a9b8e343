// A whole RLHF run, from a prepared run folder to its end: starts the cluster, introduces the
// actors to each other, sets the coordinator going and waits.
#pragma once

#include <functional>
#include <string>

#include "actors/cluster/cluster.h"
#include "actors/launch/cluster_client.h"
#include "actors/messages.h"

namespace troupe {

// Where a run's nodes live on a resident cluster, held until this is destroyed.
struct ReservedPlaces {
  ReservedPlaces(const std::string& cluster, const std::string& secret_file)
      : client(cluster, secret_file) {}

  ClusterClient client;
  std::vector<Place> places;
};

// `run_dir` holds the resolved config.yaml. `show` gets every step's metrics. Without `reserved`
// the nodes are processes of this host that the run starts itself.
RunOutcome run_rlhf(const std::string& run_dir, std::function<void(const StepMetrics&)> show,
                    ReservedPlaces* reserved = nullptr);

}  // namespace troupe
