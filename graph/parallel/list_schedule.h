// Makes a table by letting time run: at each moment an idle rank takes the work of highest priority
// whose inputs are there and whose memory allows it. What comes out can be run, by construction.
#pragma once

#include <cstdint>
#include <functional>

#include "graph/parallel/schedule.h"

namespace troupe {

struct ListScheduleRules {
  bool forwards_only = false;
  bool splits_backward = false;
  // Activations, of one chunk of one micro-batch each, that a rank may hold; from a forward until
  // its weight gradient.
  std::function<int64_t(int rank)> most_held = nullptr;  // null: no limit
  // Forwards of a later chunk come first.
  bool deepest_forward_first = true;
};

// A forward, an input gradient and a weight gradient take 1 each, a whole backward 2.
ScheduleTable list_schedule(const PipelineSize& size, ChunkPlace (*place)(int, int),
                            const ListScheduleRules& rules);

}  // namespace troupe
