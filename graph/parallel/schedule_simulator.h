// What a table costs before it runs: when each instruction begins and ends, how long ranks idle.
#pragma once

#include <vector>

#include "graph/parallel/schedule.h"

namespace troupe {

// Of each chunk, in any unit of time; a whole backward takes input_gradient + weight_gradient.
struct StageCost {
  double forward = 1, input_gradient = 1, weight_gradient = 1;
  double of(Work work) const;
};

struct ScheduleCosts {
  std::vector<StageCost> stages;  // by virtual stage; one for all
  double hop = 0;                 // from a rank to another
};

struct Span {
  double begin = 0, end = 0;
};

struct Simulation {
  std::vector<std::vector<Span>> spans;  // by rank, as the table
  double makespan = 0;
  std::vector<double> busy;  // by rank
  // Of all ranks' time from the start to the makespan, the share in which they have nothing to do.
  double bubble() const;
};

// Throws an Error where the table cannot be run to its end.
Simulation simulate(const Schedule& schedule, const PipelineSize& size, const ScheduleTable& table,
                    const ScheduleCosts& costs);

// A row of text for each rank, in which each column is as long as `unit`.
std::string drawing(const Simulation& simulation, const ScheduleTable& table, double unit);

}  // namespace troupe
