// ZB-H1 (Qi et al., arXiv 2401.10241): weight gradients, for which nobody waits, fill the gaps of
// 1F1B; a rank holds no more than 1F1B's first.
#include "graph/parallel/list_schedule.h"
#include "graph/parallel/schedules/schedules.h"

namespace troupe {
namespace {

ScheduleTable make(const PipelineSize& size) {
  const auto most_held = [&](int) { return int64_t{size.num_ranks}; };
  return list_schedule(size, place_in_turn, {.splits_backward = true, .most_held = most_held});
}

}  // namespace

const Schedule zb_h1_schedule = {
    .name = "zb-h1", .splits_backward = true, .make = make, .place = place_in_turn};

}  // namespace troupe
