#include "storage/inspect/node_lives.h"

#include <unistd.h>

#include <algorithm>

#include "storage/inspect/node_records.h"

namespace troupe {
namespace {

bool is_same_process(const NodeRecord& a, const NodeRecord& b) {
  return a.pid == b.pid && a.process_start == b.process_start && a.host == b.host;
}

// The kernel counts a process's start from the machine's, as the steady clock does, but for the
// time that a machine slept: then its first record is the better guess.
int64_t started_ns(const NodeRecord& first) {
  const auto ticks = static_cast<int64_t>(first.process_start);
  const int64_t since_boot = ticks * (1'000'000'000 / sysconf(_SC_CLK_TCK));
  if (ticks == 0 || since_boot > first.steady_ns) return first.wall_time_ns;
  return first.wall_time_ns - (first.steady_ns - since_boot);
}

// Each process wrote one stretch of the journal: its first record is searched by halves.
std::vector<NodeLife> lives_in(const JournalReader& journal) {
  const auto header = [&](int64_t number) { return decode_node_header(journal.at(number)); };
  std::vector<NodeLife> lives;
  for (int64_t end = journal.num_records(); end > 0;) {
    const auto last = header(end - 1);
    int64_t begin = 0;
    for (int64_t known = end - 1; begin < known;) {
      const int64_t middle = begin + (known - begin) / 2;
      if (is_same_process(header(middle), last))
        known = middle;
      else
        begin = middle + 1;
    }
    lives.push_back({.pid = last.pid,
                     .host = last.host,
                     .state = last.final ? "ended" : "lost",
                     .started_ns = started_ns(header(begin)),
                     .heard_ns = last.wall_time_ns});
    end = begin;
  }
  std::ranges::reverse(lives);
  return lives;
}

}  // namespace

void add_failures(NodeLives& lives, const std::vector<FailureRecord>& failures) {
  for (const auto& failure : failures) {
    const auto node = lives.find(failure.node);
    if (node == lives.end()) continue;
    const auto is_before = [&](const auto& life) {
      return life.started_ns <= failure.wall_time_ns;
    };
    const auto life = std::find_if(node->second.rbegin(), node->second.rend(), is_before);
    if (life != node->second.rend()) life->failure = failure.what;
  }
}

NodeLives read_lives(const std::string& run_dir) {
  NodeLives lives;
  for_each_journal(run_dir, [&](const JournalReader& journal) {
    if (const auto last = journal.last()) lives[decode_node_header(*last).node] = lives_in(journal);
  });
  add_failures(lives, read_failures(run_dir));
  return lives;
}

std::vector<NodeLife> lives_until(const NodeRecord& record, const std::string& state,
                                  const std::vector<NodeLife>& lives) {
  std::vector<NodeLife> until;
  for (const auto& life : lives)
    if (life.started_ns <= record.wall_time_ns) until.push_back(life);
  if (until.empty()) return until;
  auto& last = until.back();
  last.state = state;
  last.heard_ns = record.wall_time_ns;
  if (state == "running") last.failure.clear();
  return until;
}

}  // namespace troupe
