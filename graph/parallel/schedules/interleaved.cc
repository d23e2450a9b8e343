// Interleaved 1F1B (Narayanan et al., 2021): each rank has several chunks of layers, dealt out in
// turn, so that the pipeline fills in smaller steps. Micro-batches go through in rounds, and each
// chunk takes a round before the next chunk does. A round of fewer micro-batches than ranks would
// leave ranks idle, so what no whole round is left for is shared among those that there are.
#include <algorithm>

#include "graph/parallel/schedules/schedules.h"

namespace troupe {
namespace {

int64_t num_rounds(const PipelineSize& size) {
  return std::max<int64_t>(size.num_micro_batches / size.num_ranks, 1);
}

// The chunks' work in the order in which a rank takes it, forwards or, in reverse, backwards.
RankProgram in_rounds(const PipelineSize& size, Work work) {
  RankProgram program;
  const int64_t count = size.num_micro_batches, rounds = num_rounds(size);
  for (int64_t round = 0; round < rounds; ++round)
    for (int i = 0; i < size.num_chunks; ++i) {
      const int chunk = work == Work::forward ? i : size.num_chunks - 1 - i;
      const int64_t end = count * (round + 1) / rounds;
      for (int64_t at = count * round / rounds; at < end; ++at)
        program.push_back({work, at, chunk});
    }
  return program;
}

RankProgram program_of(int rank, const PipelineSize& size) {
  const auto forwards = in_rounds(size, Work::forward), backwards = in_rounds(size, Work::backward);
  const int64_t longest_round = (size.num_micro_batches + num_rounds(size) - 1) / num_rounds(size);
  const int64_t ahead = (size.num_ranks - rank - 1) * 2 + (size.num_chunks - 1) * longest_round;
  const int64_t num_ahead = std::min<int64_t>(ahead, std::ssize(forwards));
  RankProgram program(forwards.begin(), forwards.begin() + num_ahead);
  for (size_t i = 0; i < backwards.size(); ++i) {
    if (num_ahead + i < forwards.size()) program.push_back(forwards[num_ahead + i]);
    program.push_back(backwards[i]);
  }
  return program;
}

ScheduleTable make(const PipelineSize& size) {
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
