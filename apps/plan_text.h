// What a run would start, for `troupe rlhf RUN.yaml --dry-run`.
#pragma once

#include <string>

#include "actors/cluster/plan.h"

namespace troupe {

// The processes, each with its actors and their kinds, as comments of a YAML file.
std::string plan_text(const ClusterPlan& plan);

}  // namespace troupe
