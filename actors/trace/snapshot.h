// This process as its journal sees it: all probes, with their places in the plan.
#pragma once

#include <caf/all.hpp>
#include <string>

#include "actors/trace/system_config.h"
#include "storage/journal/node_record.h"

namespace troupe {

enum class Activity { keep, take };  // what the actors did since it was last taken

// `step`: the training step that runs, -1 before the first. `final`: the node is leaving in order.
NodeRecord snapshot(const caf::actor_system& system, const std::string& node, int64_t step,
                    bool final, Activity activity);

}  // namespace troupe
