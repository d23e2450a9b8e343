// A whole RLHF run, from a prepared run folder to its end: starts the cluster, introduces the
// actors to each other, sets the coordinator going and waits.
#pragma once

#include <functional>
#include <string>

#include "actors/cluster/cluster.h"
#include "actors/messages.h"

namespace troupe {

// `run_dir` holds the resolved config.yaml. `show` gets every step's metrics.
RunOutcome run_rlhf(const std::string& run_dir, std::function<void(const StepMetrics&)> show);

}  // namespace troupe
