// ZB-H1 (Qi et al., arXiv 2401.10241): weight gradients, for which nobody waits, fill the gaps of
// 1F1B. Rank s of p puts them off by s micro-batches, so that every rank holds the activations of
// at most p, as 1F1B's first, and idles for p - 1 units of work.
#include <algorithm>

#include "graph/parallel/schedules/schedules.h"

namespace troupe {
namespace {

RankProgram program_of(int rank, const PipelineSize& size) {
  RankProgram program;
  const int64_t count = size.num_micro_batches;
  const int64_t num_ahead = std::min<int64_t>(size.num_ranks - rank, count);
  for (int64_t i = 0; i < num_ahead; ++i) program.push_back({Work::forward, i});
  for (int64_t i = 0; i < count + rank; ++i) {
    if (i < count) program.push_back({Work::input_gradient, i});
    if (i >= rank) program.push_back({Work::weight_gradient, i - rank});
    if (num_ahead + i < count) program.push_back({Work::forward, num_ahead + i});
  }
  return program;
}

ScheduleTable make(const PipelineSize& size) {
  ScheduleTable table;
  for (int rank = 0; rank < size.num_ranks; ++rank) table.push_back(program_of(rank, size));
  return table;
}

}  // namespace

const Schedule zb_h1_schedule = {
    .name = "zb-h1", .splits_backward = true, .make = make, .place = place_in_turn};

}  // namespace troupe
