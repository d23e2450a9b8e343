#include "graph/parallel/schedule.h"

#include <algorithm>

#include "base/error.h"
#include "graph/parallel/list_schedule.h"
#include "graph/parallel/schedules/schedules.h"

namespace troupe {
namespace {

constexpr const Schedule* kSchedules[] = {
    &gpipe_schedule, &one_f_one_b_schedule, &interleaved_schedule, &zb_h1_schedule, &zbv_schedule,
};

}  // namespace

std::string to_string(const Instruction& instruction) {
  const std::string text =
      "FBIW"[static_cast<int>(instruction.work)] + std::to_string(instruction.micro_batch);
  return instruction.chunk == 0 ? text : text + "." + std::to_string(instruction.chunk);
}

std::span<const Schedule* const> all_schedules() {
  return kSchedules;
}

const Schedule& schedule_named(std::string_view name) {
  std::string known;
  for (const Schedule* schedule : kSchedules) {
    if (schedule->name == name) return *schedule;
    known += (known.empty() ? "" : ", ") + std::string(schedule->name);
  }
  throw Error("no schedule \"" + std::string(name) + "\": there are " + known);
}

ScheduleTable make_table(const Schedule& schedule, const PipelineSize& size) {
  CHECK(size.num_ranks >= 1 && size.num_micro_batches >= 0, size.num_ranks, size.num_micro_batches);
  if (size.num_chunks < schedule.least_chunks || size.num_chunks > schedule.most_chunks)
    throw Error("schedule " + std::string(schedule.name) + " cannot have " +
                std::to_string(size.num_chunks) + " chunks a rank: from " +
                std::to_string(schedule.least_chunks) + " to " +
                std::to_string(schedule.most_chunks));
  return schedule.make(size);
}

int64_t num_micro_batches(const ScheduleTable& table) {
  int64_t count = 0;
  for (const auto& program : table)
    for (const auto& one : program) count = std::max(count, one.micro_batch + 1);
  return count;
}

ScheduleTable forward_only(const Schedule& schedule, const PipelineSize& size) {
  return list_schedule(size, schedule.place, {.forwards_only = true});
}

int virtual_stage(const Schedule& schedule, const PipelineSize& size, const ChunkPlace& place) {
  for (int stage = 0; stage < size.num_virtual_stages(); ++stage)
    if (schedule.place(stage, size.num_ranks) == place) return stage;
  throw Error("schedule " + std::string(schedule.name) + " has no chunk " +
              std::to_string(place.chunk) + " on rank " + std::to_string(place.rank) + " of " +
              std::to_string(size.num_ranks));
}

ChunkPlace place_in_turn(int virtual_stage, int num_ranks) {
  return {virtual_stage % num_ranks, virtual_stage / num_ranks};
}

ChunkPlace place_as_v(int virtual_stage, int num_ranks) {
  if (virtual_stage < num_ranks) return {virtual_stage, 0};
  return {2 * num_ranks - 1 - virtual_stage, 1};
}

}  // namespace troupe
