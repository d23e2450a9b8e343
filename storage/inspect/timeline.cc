#include "storage/inspect/timeline.h"

#include <algorithm>
#include <map>

#include "base/error.h"
#include "storage/inspect/node_records.h"

namespace troupe {
namespace {

constexpr const char* kStep = "step ";

// The step that ended last.
int64_t last_step(const std::vector<NodeRecord>& records) {
  int64_t last = -1;
  for (const auto& node : records)
    for (const auto& actor : node.actors)
      for (const auto& work : actor.work)
        if (work.label.starts_with(kStep)) last = std::max(last, std::stol(work.label.substr(5)));
  return last;
}

void set_window(Timeline& timeline) {
  const auto label = kStep + std::to_string(timeline.step);
  for (const auto& actor : timeline.actors)
    for (const auto& work : actor.work)
      if (work.label == label) {  // the last one: a resumed run does a step again
        timeline.start_ns = work.start_ns;
        timeline.end_ns = work.end_ns;
      }
}

template <class Spans>
void keep_between(Spans& spans, int64_t start, int64_t end) {
  std::erase_if(spans,
                [&](const auto& span) { return span.end_ns < start || span.start_ns > end; });
  std::ranges::sort(spans, {}, [](const auto& span) { return span.start_ns; });
}

}  // namespace

const ActorTimeline* Timeline::find(const std::string& address) const {
  const auto found = std::ranges::find(actors, address, &ActorTimeline::address);
  return found == actors.end() ? nullptr : &*found;
}

std::optional<Timeline> build_timeline(const std::vector<NodeRecord>& records, int64_t step) {
  const ActorNames names(records);
  std::map<std::pair<std::string, std::string>, ActorTimeline> actors;
  for (const auto& node : records)
    for (const auto& actor : node.actors) {
      const auto address = address_in_run(actor, node);
      auto& out = actors[{node.node, address}];
      out.address = address;
      out.kind = actor.kind;
      out.node = node.node;
      for (const auto& span : actor.handled) {
        CHECK(span.edge < actor.edges.size(), node.node, address, span.edge, actor.edges.size());
        const auto& edge = actor.edges[span.edge];
        out.handled.push_back(
            {names.sender_of(edge), edge.message, span.arrived_ns, span.start_ns, span.end_ns});
      }
      for (const auto& work : actor.work)
        out.work.push_back({work.label, work.start_ns, work.end_ns});
    }
  Timeline timeline{.step = step};
  for (auto& [place, actor] : actors) timeline.actors.push_back(std::move(actor));
  set_window(timeline);
  if (timeline.end_ns == 0) return std::nullopt;
  for (auto& actor : timeline.actors) {
    keep_between(actor.handled, timeline.start_ns, timeline.end_ns);
    keep_between(actor.work, timeline.start_ns, timeline.end_ns);
  }
  return timeline;
}

Timeline read_timeline(const std::string& run_dir, std::optional<int64_t> step) {
  if (!step) {
    const auto ended = last_records(run_dir);
    int64_t latest = 0;
    for (const auto& node : ended) latest = std::max(latest, node.step);
    step = std::max(last_step(records_between(run_dir, latest - 1, latest)), int64_t{0});
  }
  auto timeline = build_timeline(records_between(run_dir, *step - 1, *step + 1), *step);
  if (!timeline)
    throw UsageError(run_dir + ": its journal does not tell what was done in step " +
                     std::to_string(*step));
  return std::move(*timeline);
}

}  // namespace troupe
