#include "storage/inspect/critical_path.h"

#include <algorithm>
#include <cstdio>
#include <map>
#include <sstream>

#include "storage/journal/node_record.h"

namespace troupe {
namespace {

constexpr size_t kShownRows = 20;

// The last message whose handling began before `time`.
const TimelineSpan* last_before(const ActorTimeline& actor, int64_t time) {
  const auto after = std::ranges::partition_point(
      actor.handled, [&](const auto& span) { return span.start_ns < time; });
  return after == actor.handled.begin() ? nullptr : &*std::prev(after);
}

const char* name_of(PathSegment::Kind kind) {
  switch (kind) {
    case PathSegment::Kind::handling:
      return "works";
    case PathSegment::Kind::queueing:
      return "queued";
    case PathSegment::Kind::transport:
      break;
  }
  return "on its way";
}

// Walks from `time` on one actor back to whatever its state then depended on.
class Walk {
 public:
  explicit Walk(const Timeline& timeline)
      : timeline_(timeline), actor_(timeline.find("coordinator")), time_(timeline.end_ns) {}

  std::vector<PathSegment> path() {
    while (actor_ && time_ > timeline_.start_ns)
      if (!step_back()) break;
    std::ranges::reverse(path_);
    return std::move(path_);
  }

 private:
  void go_back_to(int64_t time, PathSegment::Kind kind, const std::string& message) {
    time = std::clamp(time, timeline_.start_ns, time_);
    if (time < time_) path_.push_back({kind, actor_->address, message, time, time_});
    time_ = time;
  }

  bool step_back() {
    const auto* span = last_before(*actor_, time_);
    if (!span) return false;
    // What lies between the handler's end and now is the next message's way here.
    go_back_to(span->end_ns, PathSegment::Kind::transport, arriving_);
    go_back_to(span->start_ns, PathSegment::Kind::handling, span->message);
    if (time_ <= timeline_.start_ns) return true;
    const auto* before = last_before(*actor_, time_);
    const bool was_busy = before && before->end_ns > span->arrived_ns;
    go_back_to(was_busy ? before->end_ns : span->arrived_ns, PathSegment::Kind::queueing,
               span->message);
    arriving_ = span->message;
    if (was_busy) return true;
    const auto* sender = timeline_.find(span->from);
    // A timeout, or somebody of whom nothing is known: what came before on this actor.
    if (sender && last_before(*sender, time_)) actor_ = sender;
    return true;
  }

  const Timeline& timeline_;
  const ActorTimeline* actor_;
  int64_t time_;
  std::string arriving_;
  std::vector<PathSegment> path_;
};

}  // namespace

std::vector<PathSegment> critical_path(const Timeline& timeline) {
  return Walk(timeline).path();
}

std::string critical_path_text(const Timeline& timeline, const std::vector<PathSegment>& path) {
  using Row = std::tuple<std::string, std::string, PathSegment::Kind>;
  std::map<Row, std::pair<int64_t, int64_t>> rows;  // ns, times
  int64_t total = 0;
  for (const auto& segment : path) {
    const auto ns = segment.end_ns - segment.start_ns;
    auto& [sum, count] = rows[{segment.actor, message_name(segment.message), segment.kind}];
    sum += ns;
    ++count;
    total += ns;
  }
  std::vector<std::pair<Row, std::pair<int64_t, int64_t>>> sorted(rows.begin(), rows.end());
  std::ranges::stable_sort(sorted, std::greater{},
                           [](const auto& row) { return row.second.first; });
  std::ostringstream out;
  char line[160];
  std::snprintf(line, sizeof line, "critical path of step %lld: %.4f s of %.4f s\n",
                static_cast<long long>(timeline.step), static_cast<double>(total) / 1e9,
                timeline.seconds());
  out << line;
  for (size_t i = 0; i < std::min(sorted.size(), kShownRows); ++i) {
    const auto& [row, sums] = sorted[i];
    const auto& [actor, message, kind] = row;
    std::snprintf(line, sizeof line, "  %6.1f %% %10.3f ms %7lld times  %-24.24s %-10s %-20.20s\n",
                  100 * static_cast<double>(sums.first) / 1e9 / timeline.seconds(),
                  static_cast<double>(sums.first) / 1e6, static_cast<long long>(sums.second),
                  actor.c_str(), name_of(kind), message.c_str());
    out << line;
  }
  return out.str();
}

}  // namespace troupe
