#include "graph/parallel/schedule_simulator.h"

#include <algorithm>
#include <cmath>
#include <numeric>

#include "base/error.h"

namespace troupe {
namespace {

constexpr double kNever = -1;

// When each virtual stage's outputs are there.
struct StageTimes {
  ChunkPlace place;
  StageCost cost;
  std::vector<double> forward, backward;
};

class Simulator {
 public:
  Simulator(const Schedule& schedule, const PipelineSize& size, const ScheduleTable& table,
            const ScheduleCosts& costs)
      : table_(table), hop_(costs.hop), next_(table.size(), 0), free_at_(table.size(), 0) {
    CHECK(!costs.stages.empty());
    const auto count = static_cast<size_t>(size.num_micro_batches);
    stage_at_.assign(table.size(), std::vector<int>(static_cast<size_t>(size.num_chunks), -1));
    for (int stage = 0; stage < size.num_virtual_stages(); ++stage) {
      const auto place = schedule.place(stage, size.num_ranks);
      const auto& cost = costs.stages[costs.stages.size() == 1 ? 0 : stage];
      stages_.push_back({place, cost, std::vector(count, kNever), std::vector(count, kNever)});
      stage_at_.at(place.rank).at(place.chunk) = stage;
    }
  }

  Simulation run() {
    Simulation simulation;
    simulation.spans.resize(table_.size());
    simulation.busy.assign(table_.size(), 0);
    bool moved = true;
    while (moved) {
      moved = false;
      for (size_t rank = 0; rank < table_.size(); ++rank)
        while (next_[rank] < table_[rank].size() && fire(rank, simulation)) moved = true;
    }
    for (size_t rank = 0; rank < table_.size(); ++rank) {
      CHECK(next_[rank] == table_[rank].size(), rank, to_string(table_[rank][next_[rank]]));
      simulation.makespan = std::max(simulation.makespan, free_at_[rank]);
    }
    return simulation;
  }

 private:
  // When the input is there; kNever: nobody knows yet.
  double input_at(int stage, const Instruction& one) const {
    const auto i = static_cast<size_t>(one.micro_batch);
    const bool forward = one.work == Work::forward;
    if (one.work == Work::weight_gradient) return 0;
    const int from = forward ? stage - 1 : stage + 1;
    if (from < 0 || from == static_cast<int>(stages_.size())) return 0;
    const double at = forward ? stages_[from].forward[i] : stages_[from].backward[i];
    if (at == kNever) return kNever;
    return at + (stages_[from].place.rank == stages_[stage].place.rank ? 0 : hop_);
  }

  bool fire(size_t rank, Simulation& simulation) {
    const Instruction& one = table_[rank][next_[rank]];
    const int stage = stage_at_.at(rank).at(static_cast<size_t>(one.chunk));
    const double input = input_at(stage, one);
    if (input == kNever) return false;
    const double cost = stages_[stage].cost.of(one.work);
    const Span span = {std::max(input, free_at_[rank]), std::max(input, free_at_[rank]) + cost};
    const auto i = static_cast<size_t>(one.micro_batch);
    if (one.work == Work::forward) stages_[stage].forward.at(i) = span.end;
    if (one.work == Work::backward || one.work == Work::input_gradient)
      stages_[stage].backward.at(i) = span.end;
    free_at_[rank] = span.end;
    simulation.spans[rank].push_back(span);
    simulation.busy[rank] += cost;
    ++next_[rank];
    return true;
  }

  const ScheduleTable& table_;
  double hop_;
  std::vector<size_t> next_;
  std::vector<double> free_at_;
  std::vector<StageTimes> stages_;
  std::vector<std::vector<int>> stage_at_;
};

}  // namespace

double StageCost::of(Work work) const {
  if (work == Work::forward) return forward;
  if (work == Work::backward) return input_gradient + weight_gradient;
  return work == Work::input_gradient ? input_gradient : weight_gradient;
}

double Simulation::bubble() const {
  if (makespan == 0) return 0;
  const double all = makespan * static_cast<double>(busy.size());
  return 1 - std::accumulate(busy.begin(), busy.end(), 0.0) / all;
}

Simulation simulate(const Schedule& schedule, const PipelineSize& size, const ScheduleTable& table,
                    const ScheduleCosts& costs) {
  return Simulator(schedule, size, table, costs).run();
}

std::string drawing(const Simulation& simulation, const ScheduleTable& table, double unit) {
  std::string text;
  for (size_t rank = 0; rank < table.size(); ++rank) {
    std::string row;
    for (size_t i = 0; i < table[rank].size(); ++i) {
      const auto& span = simulation.spans[rank][i];
      const auto begin = static_cast<size_t>(std::lround(span.begin / unit));
      const auto end = static_cast<size_t>(std::lround(span.end / unit));
      if (row.size() < begin) row.resize(begin, ' ');
      std::string name = to_string(table[rank][i]);
      name.resize(end - std::min(end, begin), '-');
      row += name;
    }
    text += row + "\n";
  }
  return text;
}

}  // namespace troupe
