#include "storage/inspect/gantt.h"

#include <algorithm>
#include <cstdio>
#include <map>
#include <nlohmann/json.hpp>
#include <sstream>

namespace troupe {
namespace {

constexpr int64_t kColumns = 78;

bool is_stage(const ActorTimeline& actor) {
  return actor.kind == "stage" && !actor.work.empty();
}

std::string role_of(const ActorTimeline& actor) {
  return actor.address.substr(0, actor.address.find('/'));
}

// A letter where the stage worked for most of a column's time.
std::string row_of(const ActorTimeline& stage, const Timeline& timeline) {
  const int64_t length = timeline.end_ns - timeline.start_ns;
  std::string row;
  for (int64_t column = 0; column < kColumns; ++column) {
    const int64_t begin = timeline.start_ns + length * column / kColumns;
    const int64_t end = timeline.start_ns + length * (column + 1) / kColumns;
    std::map<char, int64_t> busy;
    for (const auto& work : stage.work)
      busy[work.label[0]] +=
          std::max<int64_t>(0, std::min(end, work.end_ns) - std::max(begin, work.start_ns));
    const auto most = std::ranges::max_element(busy, {}, [](const auto& x) { return x.second; });
    row += 2 * most->second >= end - begin ? most->first : '.';
  }
  return row;
}

// Starts and ends by letter, in microseconds.
std::map<std::string, std::vector<int64_t>> spans_of(const ActorTimeline& stage,
                                                     const Timeline& timeline) {
  const int64_t gap = (timeline.end_ns - timeline.start_ns) / 2000 / 1000;
  const auto since_start = [&](int64_t ns) {
    return (std::clamp(ns, timeline.start_ns, timeline.end_ns) - timeline.start_ns) / 1000;
  };
  std::map<std::string, std::vector<int64_t>> spans;
  for (const auto& work : stage.work) {
    auto& of_letter = spans[work.label.substr(0, 1)];
    const auto start = since_start(work.start_ns), end = since_start(work.end_ns);
    if (!of_letter.empty() && start - of_letter.back() <= gap)
      of_letter.back() = std::max(of_letter.back(), end);
    else
      of_letter.insert(of_letter.end(), {start, end});
  }
  return spans;
}

}  // namespace

std::vector<PipelineShare> pipeline_shares(const Timeline& timeline) {
  std::map<std::string, PipelineShare> shares;
  for (const auto& actor : timeline.actors) {
    if (!is_stage(actor)) continue;
    auto& share = shares[role_of(actor)];
    for (const auto& work : actor.work) {
      share.start_ns = share.busy_ns == 0 ? work.start_ns : std::min(share.start_ns, work.start_ns);
      share.end_ns = std::max(share.end_ns, work.end_ns);
      share.busy_ns += work.end_ns - work.start_ns;
    }
    share.role = role_of(actor);
    ++share.stages;
  }
  std::vector<PipelineShare> sorted;
  for (auto& [role, share] : shares) sorted.push_back(std::move(share));
  return sorted;
}

std::string gantt_json(const Timeline& timeline) {
  auto stages = nlohmann::json::array(), roles = nlohmann::json::array();
  for (const auto& actor : timeline.actors)
    if (is_stage(actor))
      stages.push_back({{"address", actor.address}, {"spans", spans_of(actor, timeline)}});
  for (const auto& share : pipeline_shares(timeline))
    roles.push_back({{"role", share.role}, {"stages", share.stages}, {"bubble", share.bubble()}});
  const nlohmann::json gantt = {
      {"seconds", timeline.seconds()}, {"stages", stages}, {"roles", roles}};
  return gantt.dump(-1, ' ', true);
}

std::string gantt_text(const Timeline& timeline) {
  std::ostringstream out;
  char line[160];
  std::snprintf(line, sizeof line, "stages in step %lld, %.3f s (F forward, B backward, . idle)\n",
                static_cast<long long>(timeline.step), timeline.seconds());
  out << line;
  for (const auto& actor : timeline.actors)
    if (is_stage(actor)) {
      std::snprintf(line, sizeof line, "  %-18.18s %s\n", actor.address.c_str(),
                    row_of(actor, timeline).c_str());
      out << line;
    }
  for (const auto& share : pipeline_shares(timeline)) {
    if (share.stages < 2) continue;
    std::snprintf(line, sizeof line,
                  "  %s: bubble %.1f %% of %lld stages' time between first and last work\n",
                  share.role.c_str(), 100 * share.bubble(), static_cast<long long>(share.stages));
    out << line;
  }
  return out.str();
}

}  // namespace troupe
