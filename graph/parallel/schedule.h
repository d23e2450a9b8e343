// The order in which each rank of a pipeline works through the micro-batches of a batch: a table,
// made for (ranks, micro-batches, chunks), checked and simulated before anything runs.
//
// A pipeline of p ranks with v chunks each has p * v virtual stages, through which a micro-batch
// goes in order; rank and chunk of each are the schedule's. Every chunk's weight gradients run in
// micro-batch order, as the one order of addition demands.
#pragma once

#include <cstdint>
#include <vector>

namespace troupe {

// `backward` is input_gradient and weight_gradient in one.
enum class Work : uint8_t { forward, backward, input_gradient, weight_gradient };

struct Instruction {
  Work work = Work::forward;
  int64_t micro_batch = 0;
  int chunk = 0;

  bool operator==(const Instruction&) const = default;
};

using RankProgram = std::vector<Instruction>;
using ScheduleTable = std::vector<RankProgram>;  // by pipeline rank

// Where a virtual stage lives.
struct ChunkPlace {
  int rank = 0, chunk = 0;
  bool operator==(const ChunkPlace&) const = default;
};

}  // namespace troupe
