// A run's topology as one page that needs nothing else: actors, messages and pipeline at each step.
#pragma once

#include <string>

#include "storage/inspect/run_history.h"

namespace troupe {

// HTML of a run, which the page calls `name`. apps/pages/ holds what it is made of.
std::string topology_page(const std::string& name, const RunHistory& history);

}  // namespace troupe
