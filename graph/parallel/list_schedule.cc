#include "graph/parallel/list_schedule.h"

#include <limits>
#include <optional>

#include "base/error.h"

namespace troupe {
namespace {

// How far each virtual stage has come: the next micro-batch of each kind of work, and when each of
// its outputs is there.
struct StageProgress {
  ChunkPlace place;
  int64_t next_forward = 0, next_backward = 0, next_weights = 0;
  std::vector<int64_t> forward_done, backward_done;
};

struct RankState {
  int64_t free_at = 0, held = 0;
};

class Clock {
 public:
  Clock(const PipelineSize& size, ChunkPlace (*place)(int, int), const ListScheduleRules& rules)
      : size_(size), rules_(rules), ranks_(size.num_ranks), table_(size.num_ranks) {
    for (int stage = 0; stage < size.num_virtual_stages(); ++stage)
      stages_.push_back({place(stage, size.num_ranks)});
  }

  ScheduleTable run() {
    const int64_t kinds = rules_.forwards_only ? 1 : rules_.splits_backward ? 3 : 2;
    int64_t left = size_.num_micro_batches * std::ssize(stages_) * kinds;
    for (int64_t now = 0; left > 0; ++now) {
      CHECK(now < 8 * (size_.num_micro_batches + 2) * (std::ssize(stages_) + 2), now, left);
      for (int rank = 0; rank < size_.num_ranks; ++rank)
        if (ranks_[rank].free_at <= now && take(rank, now)) --left;
    }
    return std::move(table_);
  }

 private:
  // Gradients first, from the end of the pipeline; then forwards; weight gradients fill the gaps,
  // or make room.
  bool take(int rank, int64_t now) {
    for (auto kind : {Work::backward, Work::forward, Work::weight_gradient})
      if (const auto stage = ready(rank, kind, now)) return start(rank, *stage, kind, now);
    return false;
  }

  std::optional<int> ready(int rank, Work kind, int64_t now) const {
    std::optional<int> best;
    const int count = static_cast<int>(stages_.size());
    for (int i = 0; i < count; ++i) {
      const bool deepest = kind != Work::forward || rules_.deepest_forward_first;
      const int stage = deepest ? count - 1 - i : i;
      if (stages_[stage].place.rank == rank && is_ready(stage, kind, now)) return stage;
    }
    return best;
  }

  bool is_ready(int stage, Work kind, int64_t now) const {
    const auto& own = stages_[stage];
    const auto there = [&](const std::vector<int64_t>& done, int64_t i) {
      return i < std::ssize(done) && done[i] <= now;
    };
    if (kind == Work::forward) {
      const int64_t i = own.next_forward;
      return i < size_.num_micro_batches && has_room(stage) &&
             (stage == 0 || there(stages_[stage - 1].forward_done, i));
    }
    if (rules_.forwards_only) return false;
    const bool is_last = stage + 1 == static_cast<int>(stages_.size());
    if (kind == Work::backward) {
      const int64_t i = own.next_backward;
      return i < size_.num_micro_batches && there(own.forward_done, i) &&
             (is_last || there(stages_[stage + 1].backward_done, i));
    }
    return rules_.splits_backward && there(own.backward_done, own.next_weights);
  }

  // The first chunk leaves room for those that must follow, without which nothing would be freed.
  bool has_room(int stage) const {
    if (!rules_.most_held) return true;
    const auto& place = stages_[stage].place;
    const int64_t reserve = is_last_of_rank(stage) ? 0 : 1;
    return ranks_[place.rank].held + reserve < rules_.most_held(place.rank);
  }
  bool is_last_of_rank(int stage) const {
    for (int later = stage + 1; later < static_cast<int>(stages_.size()); ++later)
      if (stages_[later].place.rank == stages_[stage].place.rank) return false;
    return true;
  }

  bool start(int rank, int stage, Work kind, int64_t now) {
    auto& own = stages_[stage];
    auto& state = ranks_[rank];
    const int64_t cost = kind == Work::backward && !rules_.splits_backward ? 2 : 1;
    state.free_at = now + cost;
    const int chunk = own.place.chunk;
    if (kind == Work::forward) {
      own.forward_done.push_back(now + cost);
      table_[rank].push_back({Work::forward, own.next_forward++, chunk});
      ++state.held;
    } else if (kind == Work::backward) {
      own.backward_done.push_back(now + cost);
      const Work work = rules_.splits_backward ? Work::input_gradient : Work::backward;
      table_[rank].push_back({work, own.next_backward++, chunk});
      if (!rules_.splits_backward) --state.held;
    } else {
      table_[rank].push_back({Work::weight_gradient, own.next_weights++, chunk});
      --state.held;
    }
    return true;
  }

  const PipelineSize& size_;
  const ListScheduleRules& rules_;
  std::vector<StageProgress> stages_;
  std::vector<RankState> ranks_;
  ScheduleTable table_;
};

}  // namespace

ScheduleTable list_schedule(const PipelineSize& size, ChunkPlace (*place)(int, int),
                            const ListScheduleRules& rules) {
  return Clock(size, place, rules).run();
}

}  // namespace troupe
