// A run at the end of each of its steps, for whoever wants to walk through it.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "storage/inspect/timeline.h"
#include "storage/inspect/topology.h"

namespace troupe {

struct RunMoment {
  int64_t step = -1;  // -1: before the first
  Topology topology;
  std::optional<Timeline> timeline;  // of the step, if it ended
};

struct RunHistory {
  int64_t num_steps = 0;           // that the journals tell of
  std::vector<RunMoment> moments;  // by step; the last one as the run is now
};

// At most max_moments (2 or more) of a run's steps, evenly chosen, the first and the last among
// them. Throws UsageError if the folder is no run's. Reads each journal twice, whatever it holds.
RunHistory read_history(const std::string& run_dir, size_t max_moments);

}  // namespace troupe
