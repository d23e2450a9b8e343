#include "graph/parallel/schedule_check.h"

#include <algorithm>
#include <map>
#include <set>

#include "base/error.h"

namespace troupe {
namespace {

std::string place_of(size_t rank, size_t position, const Instruction& instruction) {
  return "rank " + std::to_string(rank) + ", instruction " + std::to_string(position + 1) + " (" +
         to_string(instruction) + ")";
}

// Each chunk's micro-batches go through each kind of work once, in order.
class OrderCheck {
 public:
  OrderCheck(const PipelineSize& size, const ScheduleTable& table) : size_(size), table_(table) {}

  void run() const {
    if (std::ssize(table_) != size_.num_ranks)
      throw Error("a table of " + std::to_string(table_.size()) + " ranks for " +
                  std::to_string(size_.num_ranks));
    for (size_t rank = 0; rank < table_.size(); ++rank) check(rank);
  }

 private:
  using Key = std::pair<int, Work>;  // chunk and work

  void check(size_t rank) const {
    std::map<Key, int64_t> next;
    for (size_t i = 0; i < table_[rank].size(); ++i) {
      const Instruction& one = table_[rank][i];
      const auto refuse = [&](const std::string& why) {
        throw Error(place_of(rank, i, one) + ": " + why);
      };
      if (one.chunk < 0 || one.chunk >= size_.num_chunks)
        refuse("there are " + std::to_string(size_.num_chunks) + " chunks");
      const int64_t expected = next[{one.chunk, one.work}]++;
      if (one.micro_batch != expected)
        refuse("expected micro-batch " + std::to_string(expected) + " here");
      const auto done = [&](Work work) { return next[{one.chunk, work}]; };
      if (one.work != Work::forward && done(one.work) > done(Work::forward))
        refuse("its forward comes later");
      if (one.work == Work::weight_gradient && done(one.work) > done(Work::input_gradient))
        refuse("its input gradient comes later");
    }
    for (int chunk = 0; chunk < size_.num_chunks; ++chunk) check_counts(rank, chunk, next);
  }

  void check_counts(size_t rank, int chunk, std::map<Key, int64_t>& next) const {
    const auto count = [&](Work work) { return next[{chunk, work}]; };
    const int64_t all = size_.num_micro_batches, whole = count(Work::backward);
    const bool complete =
        count(Work::forward) == all && whole + count(Work::input_gradient) == all &&
        count(Work::weight_gradient) == count(Work::input_gradient) && (whole == 0 || whole == all);
    if (complete) return;
    throw Error("rank " + std::to_string(rank) + ", chunk " + std::to_string(chunk) + ": " +
                std::to_string(count(Work::forward)) + " forwards, " + std::to_string(whole) +
                " backwards, " + std::to_string(count(Work::input_gradient)) +
                " input gradients and " + std::to_string(count(Work::weight_gradient)) +
                " weight gradients of " + std::to_string(all) + " micro-batches");
  }

  const PipelineSize& size_;
  const ScheduleTable& table_;
};

// Runs the table without a clock: whoever can take the next instruction does.
class DryRun {
 public:
  DryRun(const Schedule& schedule, const PipelineSize& size, const ScheduleTable& table,
         int64_t num_registers)
      : size_(size), table_(table), num_registers_(num_registers), next_(table.size(), 0) {
    for (int stage = 0; stage < size.num_virtual_stages(); ++stage)
      stages_.push_back({schedule.place(stage, size.num_ranks)});
  }

  bool run() {
    bool moved = true;
    while (moved) {
      moved = false;
      for (size_t rank = 0; rank < table_.size(); ++rank)
        while (next_[rank] < table_[rank].size() && fires(rank)) moved = true;
    }
    for (size_t rank = 0; rank < table_.size(); ++rank)
      if (next_[rank] < table_[rank].size()) return false;
    return true;
  }

  // Who waits for whom, after run() came to nothing.
  std::string circle() const {
    std::string text;
    std::set<size_t> seen;
    size_t rank = 0;
    while (next_[rank] == table_[rank].size()) ++rank;
    while (seen.insert(rank).second) {
      const size_t other = waits_for(rank);
      text += place_of(rank, next_[rank], table_[rank][next_[rank]]) + " waits for rank " +
              std::to_string(other) + "; ";
      rank = other;
    }
    return text + "which is a circle";
  }

 private:
  struct StageState {
    ChunkPlace place;
    int64_t forwards = 0, backwards = 0;  // done
  };

  int stage_at(size_t rank, int chunk) const {
    for (size_t stage = 0; stage < stages_.size(); ++stage)
      if (stages_[stage].place == ChunkPlace{static_cast<int>(rank), chunk})
        return static_cast<int>(stage);
    throw Error("no chunk " + std::to_string(chunk) + " on rank " + std::to_string(rank));
  }
  bool is_last(int stage) const { return stage + 1 == static_cast<int>(stages_.size()); }

  bool has_input(int stage, const Instruction& one) const {
    if (one.work == Work::weight_gradient) return true;
    if (one.work == Work::forward)
      return stage == 0 || stages_[stage - 1].forwards > one.micro_batch;
    return is_last(stage) || stages_[stage + 1].backwards > one.micro_batch;
  }
  // An output that the neighbour has not taken yet fills a register.
  bool has_register(int stage, const Instruction& one) const {
    if (one.work == Work::weight_gradient) return true;
    if (one.work == Work::forward)
      return is_last(stage) ||
             stages_[stage].forwards - stages_[stage + 1].forwards < num_registers_;
    return stage == 0 || stages_[stage].backwards - stages_[stage - 1].backwards < num_registers_;
  }

  bool fires(size_t rank) {
    const Instruction& one = table_[rank][next_[rank]];
    const int stage = stage_at(rank, one.chunk);
    if (!has_input(stage, one) || !has_register(stage, one)) return false;
    if (one.work == Work::forward) ++stages_[stage].forwards;
    if (one.work == Work::backward || one.work == Work::input_gradient) ++stages_[stage].backwards;
    ++next_[rank];
    return true;
  }

  size_t waits_for(size_t rank) const {
    const Instruction& one = table_[rank][next_[rank]];
    const int stage = stage_at(rank, one.chunk);
    const bool forward = one.work == Work::forward;
    const int before = forward ? stage - 1 : stage + 1, behind = forward ? stage + 1 : stage - 1;
    return static_cast<size_t>(stages_[has_input(stage, one) ? behind : before].place.rank);
  }

  const PipelineSize& size_;
  const ScheduleTable& table_;
  int64_t num_registers_;
  std::vector<size_t> next_;
  std::vector<StageState> stages_;
};

}  // namespace

void check_table(const Schedule& schedule, const PipelineSize& size, const ScheduleTable& table,
                 int64_t num_registers) {
  OrderCheck(size, table).run();
  DryRun dry_run(schedule, size, table, num_registers);
  if (!dry_run.run())
    throw Error("the table cannot be run with " + std::to_string(num_registers) +
                " registers: " + dry_run.circle());
}

int64_t registers_for(const Schedule& schedule, const PipelineSize& size,
                      const ScheduleTable& table, int64_t wanted) {
  for (int64_t count = wanted; count <= size.num_micro_batches; ++count)
    if (DryRun(schedule, size, table, count).run()) return count;
  return std::max(wanted, size.num_micro_batches);
}

std::vector<int64_t> most_held(const ScheduleTable& table) {
  std::vector<int64_t> most;
  for (const auto& program : table) {
    int64_t held = 0, peak = 0;
    for (const auto& one : program) {
      held += one.work == Work::forward;
      peak = std::max(peak, held);
      held -= one.work == Work::backward || one.work == Work::weight_gradient;
    }
    most.push_back(peak);
  }
  return most;
}

}  // namespace troupe
