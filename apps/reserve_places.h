// A run's places on a resident cluster, for those runs that are given one.
#pragma once

#include <memory>
#include <string>

#include "actors/rlhf/rlhf_run.h"
#include "actors/rlhf/run_setup.h"
#include "apps/cluster_option.h"

namespace troupe {

// Places for the run's nodes on the cluster, once it has room, which a line says if it has not;
// null without --cluster. Throws UsageError if it never has room.
std::unique_ptr<ReservedPlaces> reserve_places(const ClusterOption& option, const RunSetup& setup,
                                               const std::string& run);

}  // namespace troupe
