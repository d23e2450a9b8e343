// What a table must be before anything runs by it, whether it was made or read from a file.
#pragma once

#include <cstdint>

#include "graph/parallel/schedule.h"

namespace troupe {

// Throws an Error that names rank, position and instruction where the table
//   - has an instruction twice or not at all, or backward beside its two halves;
//   - does not keep the micro-batches' order in each chunk;
//   - cannot be run to its end: for whom each rank waits is then said, and the circle they make.
// `num_registers` outputs of each direction of a chunk may be unused by the neighbour, as the stage
// actor has it.
void check_table(const Schedule& schedule, const PipelineSize& size, const ScheduleTable& table,
                 int64_t num_registers);

// The least number of registers with which the table runs, at least `wanted`.
int64_t registers_for(const Schedule& schedule, const PipelineSize& size,
                      const ScheduleTable& table, int64_t wanted);

// The most activations, of one chunk of one micro-batch each, that each rank holds at a time.
std::vector<int64_t> most_held(const ScheduleTable& table);

}  // namespace troupe
