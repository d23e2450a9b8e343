#include "storage/inspect/run_history.h"

#include <algorithm>
#include <set>

#include "base/error.h"
#include "storage/inspect/node_records.h"

namespace troupe {
namespace {

using Records = std::vector<NodeRecord>;

std::vector<int64_t> steps_of(const std::string& run_dir) {
  std::set<int64_t> steps;
  for_each_journal(run_dir, [&](const JournalReader& journal) {
    journal.replay(
        [&](int64_t, std::string_view bytes) { steps.insert(decode_node_header(bytes).step); });
  });
  return {steps.begin(), steps.end()};
}

std::vector<int64_t> evenly_chosen(const std::vector<int64_t>& steps, size_t most) {
  CHECK(most >= 2, most);
  if (steps.size() <= most) return steps;
  std::vector<int64_t> chosen;
  for (size_t i = 0; i < most; ++i) chosen.push_back(steps[i * (steps.size() - 1) / (most - 1)]);
  return chosen;
}

bool is_beside(const std::vector<int64_t>& steps, int64_t step) {
  const auto found = std::ranges::lower_bound(steps, step - 1);
  return found != steps.end() && *found <= step + 1;
}

// Those that one of the steps needs: a node's last record up to it, and all beside it.
Records needed_records(const JournalReader& journal, const std::vector<int64_t>& steps) {
  Records records;
  auto without_record = steps;
  journal.replay_backwards([&](std::string_view bytes) {
    const auto header = decode_node_header(bytes);
    bool needed = is_beside(steps, header.step);
    for (; !without_record.empty() && tells_of(header, without_record.back());
         without_record.pop_back())
      needed = true;
    if (needed) records.push_back(decode_node_record(bytes));
    return true;
  });
  std::ranges::reverse(records);
  return records;
}

Topology topology_at(const std::vector<Records>& nodes, int64_t step, bool now,
                     const NodeLives& lives) {
  Records last;
  for (const auto& records : nodes) {
    const auto found = std::find_if(records.rbegin(), records.rend(),
                                    [&](const auto& record) { return tells_of(record, step); });
    if (found == records.rend()) continue;  // the node was not there yet
    last.push_back(*found);
    if (!now) last.back().final = false;
  }
  const auto is_there = [now](const NodeRecord& node) { return !now || is_alive(node); };
  return build_topology(std::move(last), is_there, lives);
}

std::optional<Timeline> timeline_of(const std::vector<Records>& nodes, int64_t step) {
  Records beside;
  for (const auto& records : nodes)
    for (const auto& record : records)
      if (std::abs(record.step - step) <= 1) beside.push_back(record);
  return build_timeline(beside, step);
}

}  // namespace

RunHistory read_history(const std::string& run_dir, size_t max_moments) {
  const auto all = steps_of(run_dir);
  const auto steps = evenly_chosen(all, max_moments);
  std::vector<Records> nodes;
  for_each_journal(run_dir, [&](const JournalReader& journal) {
    nodes.push_back(needed_records(journal, steps));
  });
  const auto lives = read_lives(run_dir);
  RunHistory history{.num_steps = std::ssize(all)};
  for (const int64_t step : steps)
    history.moments.push_back(
        {step, topology_at(nodes, step, step == steps.back(), lives), timeline_of(nodes, step)});
  return history;
}

}  // namespace troupe
