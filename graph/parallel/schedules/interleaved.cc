// Interleaved 1F1B (Narayanan et al., 2021): each rank has several chunks of layers, dealt out in
// turn, so that the pipeline fills in smaller steps. Micro-batches go through in rounds of as many
// as there are ranks: each chunk takes a round before the next chunk does.
#include <algorithm>

#include "graph/parallel/list_schedule.h"
#include "graph/parallel/schedules/schedules.h"

namespace troupe {
namespace {

// The chunks' work in the order in which a rank takes it, forwards or, in reverse, backwards.
RankProgram in_rounds(const PipelineSize& size, Work work) {
  RankProgram program;
  for (int64_t first = 0; first < size.num_micro_batches; first += size.num_ranks)
    for (int i = 0; i < size.num_chunks; ++i) {
      const int chunk = work == Work::forward ? i : size.num_chunks - 1 - i;
      const int64_t end = std::min<int64_t>(first + size.num_ranks, size.num_micro_batches);
      for (int64_t at = first; at < end; ++at) program.push_back({work, at, chunk});
    }
  return program;
}

RankProgram program_of(int rank, const PipelineSize& size) {
  const auto forwards = in_rounds(size, Work::forward), backwards = in_rounds(size, Work::backward);
  const int64_t ahead =
      (size.num_ranks - rank - 1) * 2 + (size.num_chunks - 1) * int64_t{size.num_ranks};
  const int64_t num_ahead = std::min<int64_t>(ahead, std::ssize(forwards));
  RankProgram program(forwards.begin(), forwards.begin() + num_ahead);
  for (size_t i = 0; i < backwards.size(); ++i) {
    if (num_ahead + i < forwards.size()) program.push_back(forwards[num_ahead + i]);
    program.push_back(backwards[i]);
  }
  return program;
}

// Rounds want to be full: else work is dealt out as it comes.
ScheduleTable make(const PipelineSize& size) {
  if (size.num_micro_batches % size.num_ranks != 0) {
    const auto most_held = [&](int) { return int64_t{size.num_ranks} * (size.num_chunks + 1); };
    return list_schedule(size, place_in_turn, {.most_held = most_held});
  }
  ScheduleTable table;
  for (int rank = 0; rank < size.num_ranks; ++rank) table.push_back(program_of(rank, size));
  return table;
}

}  // namespace

const Schedule interleaved_schedule = {.name = "interleaved",
                                       .least_chunks = 2,
                                       .most_chunks = 64,
                                       .make = make,
                                       .place = place_in_turn};

}  // namespace troupe
