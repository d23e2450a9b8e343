// Topology for readers: JSON for programs, a tree for people.
#include <algorithm>
#include <cstdio>
#include <nlohmann/json.hpp>
#include <sstream>
#include <utility>

#include "base/wall_time.h"
#include "storage/inspect/topology.h"

namespace troupe {
namespace {

using Json = nlohmann::json;

constexpr size_t kBusiestEdges = 12;

constexpr const char* kIso8601 = "%Y-%m-%dT%H:%M:%SZ";

template <class Items>
Json array_of(const Items& items);

Json json_of(const NodeLife& x) {
  return {{"pid", x.pid},
          {"host", x.host},
          {"state", x.state},
          {"started", utc_text(x.started_ns, kIso8601)},
          {"last_heard", utc_text(x.heard_ns, kIso8601)},
          {"failure", x.failure}};
}

Json json_of(const TopologyNode& x) {
  return {{"name", x.name},
          {"pid", x.pid},
          {"host", x.host},
          {"state", x.state},
          {"step", x.step},
          {"actors", x.actors},
          {"peak_memory_bytes", x.peak_memory},
          {"history", array_of(x.history)}};
}

Json json_of(const TopologyActor& x) {
  Json actor = {{"address", x.address},
                {"kind", x.kind},
                {"node", x.node},
                {"role", x.role},
                {"state", x.state},
                {"exit_reason", x.exit_reason},
                {"mailbox_depth", x.mailbox_depth},
                {"oldest_message_ms", x.oldest_message_ms},
                {"handled", x.handled},
                {"busy_share", x.busy_share}};
  for (const auto& [name, value] : x.gauges) actor[name] = value;
  return actor;
}

Json json_of(const TopologyEdge& x) {
  return {{"from", x.from},         {"to", x.to},         {"message", x.message},
          {"count", x.count},       {"rate", x.rate},     {"bytes", x.bytes},
          {"total_ms", x.total_ms}, {"p50_us", x.p50_us}, {"p99_us", x.p99_us}};
}

template <class Items>
Json array_of(const Items& items) {
  auto array = Json::array();
  for (const auto& item : items) array.push_back(json_of(item));
  return array;
}

Json waits_of(const std::vector<TopologyActor>& actors) {
  auto waits = Json::array();
  for (const auto& actor : actors)
    for (const auto& wait : actor.waits)
      waits.push_back({{"who", actor.address},
                       {"whom", wait.whom},
                       {"what", wait.what},
                       {"seconds", wait.seconds}});
  return waits;
}

std::string clipped(const std::string& text, size_t width) {
  return text.size() <= width ? text : text.substr(0, width - 2) + "..";
}

template <class... Values>
std::string format(const char* pattern, Values... values) {
  char line[256];
  std::snprintf(line, sizeof(line), pattern, values...);
  return line;
}

std::string duration(double us) {
  if (us < 1e3) return format("%.0f us", us);
  if (us < 1e6) return format("%.1f ms", us / 1e3);
  return format("%.1f s", us / 1e6);
}

std::string times_of(const NodeLife& life) {
  const auto start = utc_text(life.started_ns, "%H:%M:%S");
  if (life.state == "running") return "since " + start + " UTC";
  return start + " to " + utc_text(life.heard_ns, "%H:%M:%S UTC");
}

std::string text_of(const TopologyNode& node) {
  auto text = node.name + " (pid " + std::to_string(node.pid) + " on " + node.host + ", " +
              node.state + (node.step < 0 ? "" : ", step " + std::to_string(node.step));
  if (!node.history.empty()) text += ", " + times_of(node.history.back());
  return clipped(text + ")", 97);
}

// "peak memory 48 MiB: gradients 18, weights 9 ...", the largest first; empty for a node without
// tensors.
std::string memory_text(const TopologyNode& node) {
  constexpr double kMiB = 1 << 20;
  const auto total = node.peak_memory.find("total");
  if (total == node.peak_memory.end()) return "";
  std::vector<std::pair<std::string, double>> classes(node.peak_memory.begin(),
                                                      node.peak_memory.end());
  std::ranges::stable_sort(classes, std::greater{}, [](const auto& entry) { return entry.second; });
  auto text = format("peak memory %.0f MiB", total->second / kMiB);
  const char* before = ": ";
  for (const auto& [name, bytes] : classes)
    if (name != "total")
      text += format("%s%s %.0f", std::exchange(before, ", "), name.c_str(), bytes / kMiB);
  return clipped(text, 93);
}

// How the node's process failed, which it had before, and what its tensors took: a line each.
std::vector<std::string> detail_lines(const TopologyNode& node) {
  std::vector<std::string> lines;
  for (size_t i = node.history.size(); i-- > 0;) {
    const auto& life = node.history[i];
    std::string line;
    if (i + 1 < node.history.size())
      line = "before: pid " + std::to_string(life.pid) + " on " + life.host +
             utc_text(life.started_ns, ", %Y-%m-%d ") + times_of(life) + ", " +
             (life.failure.empty() ? life.state : "");
    line += life.failure;
    if (!line.empty()) lines.push_back(clipped(line, 93));
  }
  if (const auto memory = memory_text(node); !memory.empty()) lines.push_back(memory);
  return lines;
}

// What only some actors have: "  v12  3 in flight  kv 40 %".
std::string gauges_text(const std::map<std::string, double>& gauges) {
  std::string text;
  for (const auto& [name, value] : gauges) {
    if (name == "weight_version") text += format("  v%.0f", value);
    if (name == "samples_in_flight" && value > 0) text += format("  %.0f in flight", value);
    if (name == "kv_use" && value > 0) text += format("  kv %.0f %%", 100 * value);
    if (name == "staleness" && value > 0) text += format("  %.0f behind", value);
  }
  return text;
}

// An actor's state is shown where it is not its node's.
std::string text_of(const TopologyActor& actor, const TopologyNode& node) {
  auto line = format("%-27s %-17s %7lld handled %5.1f %% busy", clipped(actor.address, 27).c_str(),
                     clipped(actor.kind, 17).c_str(), static_cast<long long>(actor.handled),
                     100 * actor.busy_share);
  if (actor.state != node.state) line += "  " + actor.state;
  line += gauges_text(actor.gauges);
  if (actor.mailbox_depth > 0 && node.state != "ended")
    line += format("  %lld queued %s", static_cast<long long>(actor.mailbox_depth),
                   duration(actor.oldest_message_ms * 1e3).c_str());
  return clipped(line, 93);
}

constexpr const char* kEdgeColumns = "  %-22s > %-22s %-15s%6s%9s%9s%9s";

std::string text_of(const TopologyEdge& edge) {
  return format(kEdgeColumns, clipped(edge.from, 22).c_str(), clipped(edge.to, 22).c_str(),
                clipped(message_name(edge.message), 15).c_str(), std::to_string(edge.count).c_str(),
                duration(edge.total_ms * 1e3).c_str(), duration(edge.p50_us).c_str(),
                duration(edge.p99_us).c_str());
}

std::string busiest_edges(const std::vector<TopologyEdge>& edges) {
  std::ostringstream out;
  out << format(kEdgeColumns, "from", "to, by time in handlers", "message", "count", "total", "p50",
                "p99")
      << "\n";
  size_t num_shown = 0;
  for (const auto& edge : edges) {
    if (edge.from == "?") continue;  // the launcher's main thread, or nobody
    if (++num_shown > kBusiestEdges) break;
    out << text_of(edge) << "\n";
  }
  return out.str();
}

}  // namespace

std::string to_json(const Topology& topology) {
  return Json{{"nodes", array_of(topology.nodes)},
              {"actors", array_of(topology.actors)},
              {"edges", array_of(topology.edges)},
              {"waits", waits_of(topology.actors)}}
      .dump(-1, ' ', true);
}

std::string to_text(const Topology& topology) {
  std::ostringstream out;
  out << topology.nodes.size() << " nodes, " << topology.actors.size() << " actors\n";
  for (size_t i = 0; i < topology.nodes.size(); ++i) {
    const auto& node = topology.nodes[i];
    bool last = i + 1 == topology.nodes.size();
    out << (last ? "└─ " : "├─ ") << text_of(node) << "\n";
    for (const auto& line : detail_lines(node)) out << (last ? "   " : "│  ") << line << "\n";
    size_t num_left = node.actors.size();
    for (const auto& actor : topology.actors)
      if (actor.node == node.name)
        out << (last ? "   " : "│  ") << (--num_left == 0 ? "└─ " : "├─ ") << text_of(actor, node)
            << "\n";
  }
  out << busiest_edges(topology.edges);
  return out.str();
}

}  // namespace troupe
