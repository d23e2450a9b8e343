// Looks for the fastest layout of a training step that fits into the devices' memory.
#pragma once

#include <string>
#include <vector>

#include "graph/parallel/cost_model.h"

namespace troupe {

struct RatedPlan {
  PlanChoice choice;
  PlanCost cost;
  bool fits = false;
  std::string why_not;  // chosen: "does not fit: activations of 81.2 GB of 93.0 GB in all, ..."
};

struct PlanSearch {
  std::vector<RatedPlan> best;         // those that fit, fastest first; at most five
  std::vector<RatedPlan> others;       // of each mesh that none of the best has, its best try
  std::vector<std::string> ruled_out;  // degrees that cannot be, and why
  int num_rated = 0;
};

// All of the hardware's devices are used. Tensor ranks stay within a host.
PlanSearch search_plans(const TrainingWork& work, const Hardware& hardware);

}  // namespace troupe
