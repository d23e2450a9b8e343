// 1F1B (PipeDream-Flush): a few forwards to fill the pipeline, then one backward after each
// forward, so that rank s of p holds the activations of at most p - s micro-batches.
#include <algorithm>

#include "graph/parallel/schedules/schedules.h"

namespace troupe {
namespace {

RankProgram program_of(int rank, const PipelineSize& size) {
  RankProgram program;
  const int64_t count = size.num_micro_batches, num_later = size.num_ranks - rank - 1;
  const int64_t num_ahead = std::min(num_later * (1 + size.num_extra_forwards), count);
  for (int64_t i = 0; i < count + num_ahead; ++i) {
    if (i < count) program.push_back({Work::forward, i});
    if (i >= num_ahead) program.push_back({Work::backward, i - num_ahead});
  }
  return program;
}

ScheduleTable make(const PipelineSize& size) {
  ScheduleTable table;
  for (int rank = 0; rank < size.num_ranks; ++rank) table.push_back(program_of(rank, size));
  return table;
}

}  // namespace

const Schedule one_f_one_b_schedule = {
    .name = "1f1b", .any_registers = true, .make = make, .place = place_in_turn};

}  // namespace troupe
