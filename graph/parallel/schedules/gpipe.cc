// GPipe (Huang et al., 2019): all forwards, then all backwards. A rank holds every micro-batch.
#include "graph/parallel/schedules/schedules.h"

namespace troupe {
namespace {

ScheduleTable make(const PipelineSize& size) {
  ScheduleTable table(size.num_ranks);
  for (auto& program : table)
    for (Work work : {Work::forward, Work::backward})
      for (int64_t i = 0; i < size.num_micro_batches; ++i) program.push_back({work, i});
  return table;
}

}  // namespace

const Schedule gpipe_schedule = {
    .name = "gpipe", .any_registers = true, .make = make, .place = place_in_turn};

}  // namespace troupe
