#include "storage/inspect/diagnosis.h"

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <fstream>
#include <set>

#include "base/wall_time.h"
#include "storage/inspect/node_records.h"

namespace troupe {
namespace {

// A record is brought up to date twice a second by a thread of its own.
constexpr double kSilentSeconds = 5;
// Longer than this for an actor that does nothing is no ordinary wait.
constexpr double kLongSeconds = 10;
constexpr size_t kLastMessages = 5, kLogLines = 5;

std::string seconds_text(double seconds) {
  char text[32];
  std::snprintf(text, sizeof text, "%.1f s", seconds);
  return text;
}

std::string clock_text(int64_t wall_time_ns) {
  return utc_text(wall_time_ns, "%H:%M:%S UTC");
}

std::string name_of(const NodeRecord& node) {
  return "node " + node.node + " (pid " + std::to_string(node.pid) + ")";
}

// An actor waits for another, or for any of a role.
struct Wait {
  std::string who, whom, what;
  double seconds = 0;
};

std::string text_of(const Wait& wait, int64_t now) {
  return "  " + wait.who + " waits for " + wait.whom + ": " + wait.what + ", since " +
         clock_text(now - static_cast<int64_t>(wait.seconds * 1e9)) + " (" +
         seconds_text(wait.seconds) + ")\n";
}

class Doctor {
 public:
  explicit Doctor(const DiagnosisInput& input) : input_(input) {
    for (const auto& node : input.records) {
      if (node.final) continue;
      for (const auto& actor : node.actors)
        for (const auto& wait : actor.waits)
          waits_.push_back({address_in_run(actor, node), wait.whom, wait.what,
                            age(node) + static_cast<double>(node.steady_ns - wait.since_ns) / 1e9});
    }
    std::ranges::stable_sort(waits_, std::greater{}, &Wait::seconds);
  }

  Diagnosis verdict() const {
    if (auto dead = first_failure()) return *dead;
    if (auto silent = silent_node()) return *silent;
    if (auto stuck = stuck_wait()) return *stuck;
    return {Diagnosis::Verdict::healthy, healthy_text()};
  }

 private:
  double age(const NodeRecord& node) const {
    return static_cast<double>(input_.wall_time_ns - node.wall_time_ns) / 1e9;
  }

  const NodeRecord* find(const std::string& name) const {
    const auto found = std::ranges::find(input_.records, name, &NodeRecord::node);
    return found == input_.records.end() ? nullptr : &*found;
  }

  bool is_lost(const NodeRecord& node) const {
    return !node.final && input_.state_of(node) == ProcessState::gone;
  }

  std::optional<Diagnosis> first_failure() const {
    std::string text;
    const NodeRecord* first = nullptr;
    if (const auto& failure = input_.failure) {
      first = find(failure->node);
      text = "dead: node " + failure->node +
             (failure->pid ? " (pid " + std::to_string(failure->pid) + ")" : "") + " " +
             failure->what + " at " + clock_text(failure->wall_time_ns) + "\n";
    } else {
      std::vector<const NodeRecord*> lost;
      for (const auto& node : input_.records)
        if (is_lost(node)) lost.push_back(&node);
      if (lost.empty()) return std::nullopt;
      first = *std::ranges::min_element(lost, {}, [](auto* node) { return node->wall_time_ns; });
      text = "dead: " + std::to_string(lost.size()) + " of " +
             std::to_string(input_.records.size()) +
             " nodes are gone without a word; the first was " + name_of(*first) +
             ", last heard of at " + clock_text(first->wall_time_ns) + "\n";
    }
    if (first) text += last_messages(*first);
    if (input_.failure) text += log_text(input_.failure->log);
    return Diagnosis{Diagnosis::Verdict::dead, text};
  }

  // The youngest messages that the node's actors had handled.
  std::string last_messages(const NodeRecord& node) const {
    struct Message {
      std::string actor, from, message;
      int64_t ns;
    };
    std::vector<Message> messages;
    const ActorNames names(input_.records);
    for (const auto& actor : node.actors)
      for (const auto& edge : actor.edges)
        if (actor.kind != "node" && actor.kind != "tracer")
          messages.push_back(
              {actor.address, names.sender_of(edge), message_name(edge.message), edge.last_ns});
    std::ranges::stable_sort(messages, std::greater{}, &Message::ns);
    if (messages.size() > kLastMessages) messages.resize(kLastMessages);
    std::string text;
    for (const auto& [actor, from, message, ns] : messages)
      text += "  " + actor + " had handled " + message + " from " + from + " " +
              seconds_text(static_cast<double>(node.steady_ns - ns) / 1e9) +
              " before its last record\n";
    return text;
  }

  static std::string log_text(const std::vector<std::string>& lines) {
    std::string text = lines.empty() ? "" : "  the end of its log:\n";
    const size_t first = lines.size() > kLogLines ? lines.size() - kLogLines : 0;
    for (size_t i = first; i < lines.size(); ++i) text += "  | " + lines[i] + "\n";
    return text;
  }

  // `whom` may be a role ("rollout") of which some actor is `address`.
  static bool means(const std::string& whom, const std::string& address) {
    return whom == address || address.starts_with(whom + "/");
  }

  std::optional<Diagnosis> silent_node() const {
    for (const auto& node : input_.records) {
      if (node.final) continue;
      const bool stopped = input_.state_of(node) == ProcessState::stopped;
      if (!stopped && age(node) < kSilentSeconds) continue;
      std::string text = "waiting: " + name_of(node) + (stopped ? " is stopped" : " is silent") +
                         " since " + clock_text(node.wall_time_ns) + " (" +
                         seconds_text(age(node)) + "); it hosts";
      std::set<std::string> waiting;
      std::string waits;
      for (const auto& actor : node.actors) {
        if (actor.kind == "node" || actor.kind == "tracer") continue;
        text += " " + actor.address;
        for (const auto& wait : waits_)
          if (means(wait.whom, actor.address) && waiting.insert(wait.who + wait.what).second)
            waits += text_of(wait, input_.wall_time_ns);
      }
      if (waits.empty()) waits = "  nobody waits for them yet\n";
      return Diagnosis{Diagnosis::Verdict::waiting, text + "\n" + waits};
    }
    return std::nullopt;
  }

  bool does_something(const std::string& whom) const {
    for (const auto& node : input_.records)
      for (const auto& actor : node.actors)
        if (means(whom, address_in_run(actor, node)) &&
            (actor.current_handler_ns > 0 || actor.mailbox_depth > 0 || !actor.waits.empty()))
          return true;
    return false;
  }

  std::optional<Diagnosis> stuck_wait() const {
    for (const auto& wait : waits_)
      if (wait.seconds > kLongSeconds && !does_something(wait.whom))
        return Diagnosis{Diagnosis::Verdict::waiting, "waiting: for " + wait.whom +
                                                          ", which does nothing\n" +
                                                          text_of(wait, input_.wall_time_ns)};
    return std::nullopt;
  }

  std::string healthy_text() const {
    const bool ended = std::ranges::all_of(input_.records, &NodeRecord::final);
    int64_t step = -1;
    for (const auto& node : input_.records) step = std::max(step, node.step);
    return "healthy: " + std::to_string(input_.records.size()) + " nodes" +
           (ended ? " ended in order" : " run") +
           (step < 0 ? "" : ", at step " + std::to_string(step)) + "\n";
  }

  const DiagnosisInput& input_;
  std::vector<Wait> waits_;  // the longest first
};

ProcessState process_state(const NodeRecord& node) {
  if (!is_alive(node)) return ProcessState::gone;
  std::ifstream file("/proc/" + std::to_string(node.pid) + "/stat");
  std::string stat;
  std::getline(file, stat);
  const auto after_name = stat.rfind(')');  // "pid (name) S ..."
  if (after_name == stat.npos || after_name + 2 >= stat.size()) return ProcessState::gone;
  const char state = stat[after_name + 2];
  if (state == 'Z' || state == 'X') return ProcessState::gone;
  return state == 'T' || state == 't' ? ProcessState::stopped : ProcessState::runs;
}

}  // namespace

Diagnosis diagnose(const DiagnosisInput& input) {
  return Doctor(input).verdict();
}

Diagnosis diagnose_run(const std::string& run_dir) {
  DiagnosisInput input;
  input.records = last_records(run_dir);
  input.failure = read_failure(run_dir);
  input.state_of = process_state;
  input.wall_time_ns = wall_time_now_ns();
  return diagnose(input);
}

}  // namespace troupe
