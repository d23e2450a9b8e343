// Topology for readers: JSON for programs, dot for graphviz, a tree for people.
#include <algorithm>
#include <cstdio>
#include <nlohmann/json.hpp>
#include <sstream>

#include "storage/journal/topology.h"

namespace troupe {
namespace {

using Json = nlohmann::json;

constexpr size_t kBusiestEdges = 12;

Json json_of(const TopologyNode& x) {
  return {{"name", x.name},   {"pid", x.pid},   {"host", x.host},
          {"state", x.state}, {"step", x.step}, {"actors", x.actors}};
}

Json json_of(const TopologyActor& x) {
  return {{"address", x.address},
          {"kind", x.kind},
          {"node", x.node},
          {"role", x.role},
          {"state", x.state},
          {"exit_reason", x.exit_reason},
          {"mailbox_depth", x.mailbox_depth},
          {"oldest_message_ms", x.oldest_message_ms},
          {"handled", x.handled},
          {"busy_share", x.busy_share}};
}

Json json_of(const TopologyEdge& x) {
  return {
      {"from", x.from},         {"to", x.to},         {"message", x.message}, {"count", x.count},
      {"total_ms", x.total_ms}, {"p50_us", x.p50_us}, {"p99_us", x.p99_us}};
}

template <class Items>
Json array_of(const Items& items) {
  auto array = Json::array();
  for (const auto& item : items) array.push_back(json_of(item));
  return array;
}

std::string quoted(const std::string& text) {
  return Json(text).dump();
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

std::string without_namespace(const std::string& message) {
  auto dot = message.find_last_of(".:");
  return dot == message.npos ? message : message.substr(dot + 1);
}

std::string text_of(const TopologyActor& actor) {
  auto line =
      format("%-28s %-14s %8lld handled %5.1f %% busy  %s", clipped(actor.address, 28).c_str(),
             clipped(actor.kind, 14).c_str(), static_cast<long long>(actor.handled),
             100 * actor.busy_share, actor.state.c_str());
  if (actor.mailbox_depth > 0)
    line += format(", %lld waiting", static_cast<long long>(actor.mailbox_depth));
  return clipped(line, 93);
}

std::string text_of(const TopologyEdge& edge) {
  return clipped(
      format("%-22s > %-22s %-16s x%-7lld p50 %s, p99 %s", clipped(edge.from, 22).c_str(),
             clipped(edge.to, 22).c_str(), clipped(without_namespace(edge.message), 16).c_str(),
             static_cast<long long>(edge.count), duration(edge.p50_us).c_str(),
             duration(edge.p99_us).c_str()),
      98);
}

}  // namespace

std::string to_json(const Topology& topology) {
  return Json{{"nodes", array_of(topology.nodes)},
              {"actors", array_of(topology.actors)},
              {"edges", array_of(topology.edges)}}
      .dump(-1, ' ', true);
}

std::string to_dot(const Topology& topology) {
  std::ostringstream out;
  out << "digraph troupe {\n  rankdir=LR;\n  node [shape=box];\n";
  for (const auto& node : topology.nodes) {
    out << "  subgraph " << quoted("cluster_" + node.name) << " {\n    label=" << quoted(node.name)
        << ";\n";
    for (const auto& actor : node.actors) out << "    " << quoted(actor) << ";\n";
    out << "  }\n";
  }
  for (const auto& edge : topology.edges)
    if (edge.from != "?" && edge.from != edge.to)
      out << "  " << quoted(edge.from) << " -> " << quoted(edge.to) << " [label="
          << quoted(without_namespace(edge.message) + " x" + std::to_string(edge.count)) << "];\n";
  out << "}\n";
  return out.str();
}

std::string to_text(const Topology& topology) {
  std::ostringstream out;
  out << topology.nodes.size() << " nodes, " << topology.actors.size() << " actors\n";
  for (size_t i = 0; i < topology.nodes.size(); ++i) {
    const auto& node = topology.nodes[i];
    bool last = i + 1 == topology.nodes.size();
    auto heading = node.name + " (pid " + std::to_string(node.pid) + " on " + node.host + ", " +
                   node.state + ", step " + std::to_string(node.step) + ")";
    out << (last ? "└─ " : "├─ ") << clipped(heading, 97) << "\n";
    size_t num_left = node.actors.size();
    for (const auto& actor : topology.actors)
      if (actor.node == node.name)
        out << (last ? "   " : "│  ") << (--num_left == 0 ? "└─ " : "├─ ") << text_of(actor)
            << "\n";
  }
  out << "busiest edges\n";
  for (size_t i = 0; i < std::min(kBusiestEdges, topology.edges.size()); ++i)
    out << "  " << text_of(topology.edges[i]) << "\n";
  return out.str();
}

}  // namespace troupe
