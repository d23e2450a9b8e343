// The order in which each rank of a pipeline works through the micro-batches of a batch: a table,
// made for (ranks, micro-batches, chunks), checked and simulated before anything runs.
//
// A pipeline of p ranks with v chunks each has p * v virtual stages, through which a micro-batch
// goes in order; rank and chunk of each are the schedule's. Every chunk's forwards, backwards and
// weight gradients run in micro-batch order, as the one order of addition demands.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
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
std::string to_string(const Instruction& instruction);  // "F3", "B3", "I3.1", "W3.1"

using RankProgram = std::vector<Instruction>;
using ScheduleTable = std::vector<RankProgram>;  // by pipeline rank

// Where a virtual stage lives.
struct ChunkPlace {
  int rank = 0, chunk = 0;
  bool operator==(const ChunkPlace&) const = default;
};

struct PipelineSize {
  int num_ranks = 1;
  int64_t num_micro_batches = 1;
  int num_chunks = 1;  // of each rank
  // 1f1b: a stage waits two hops for each micro-batch; with 1, it runs one more forward ahead of
  // each stage that follows and hides them, for as many more activations.
  int64_t num_extra_forwards = 0;

  int num_virtual_stages() const { return num_ranks * num_chunks; }
};

struct Schedule {
  std::string_view name;
  int least_chunks = 1, most_chunks = 1;
  // Runs with one output that the neighbour has not taken, and one more for each extra forward.
  bool any_registers = false;
  bool splits_backward = false;  // input_gradient and weight_gradient instead of backward
  ScheduleTable (*make)(const PipelineSize&) = nullptr;
  ChunkPlace (*place)(int virtual_stage, int num_ranks) = nullptr;
};

std::span<const Schedule* const> all_schedules();
const Schedule& schedule_named(std::string_view name);  // throws, naming those that there are

// The table; throws where the schedule cannot have so many chunks.
ScheduleTable make_table(const Schedule& schedule, const PipelineSize& size);
int64_t num_micro_batches(const ScheduleTable& table);  // the highest that it names, and one
// Scoring: every chunk's forwards, as they can follow each other.
ScheduleTable forward_only(const Schedule& schedule, const PipelineSize& size);

// The virtual stage of a rank's chunk.
int virtual_stage(const Schedule& schedule, const PipelineSize& size, const ChunkPlace& place);

// Virtual stages dealt out in turn: stage k is chunk k / ranks of rank k % ranks.
ChunkPlace place_in_turn(int virtual_stage, int num_ranks);
// As a V: down the ranks and back up, two chunks each.
ChunkPlace place_as_v(int virtual_stage, int num_ranks);

}  // namespace troupe
