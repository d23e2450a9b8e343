// ZB-V (Qi et al., arXiv 2405.15362): two chunks a rank, down the ranks and back up, so that the
// loss is where the model begins and every rank holds as much: 1F1B's first rank's, two halves for
// one.
#include "graph/parallel/list_schedule.h"
#include "graph/parallel/schedules/schedules.h"

namespace troupe {
namespace {

ScheduleTable make(const PipelineSize& size) {
  const auto most_held = [&](int) { return 2 * int64_t{size.num_ranks}; };
  return list_schedule(size, place_as_v, {.splits_backward = true, .most_held = most_held});
}

}  // namespace

const Schedule zbv_schedule = {.name = "zbv",
                               .least_chunks = 2,
                               .most_chunks = 2,
                               .splits_backward = true,
                               .make = make,
                               .place = place_as_v};

}  // namespace troupe
