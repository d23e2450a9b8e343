// Topology as a picture: what graphviz draws with `dot -Tsvg`.
#include <algorithm>
#include <cmath>
#include <map>
#include <nlohmann/json.hpp>
#include <set>
#include <sstream>

#include "storage/inspect/topology.h"

namespace troupe {
namespace {

// What two actors send each other, most frequent messages first.
struct Conversation {
  std::vector<TopologyEdge> there, back;
};

using Conversations = std::map<std::pair<std::string, std::string>, Conversation>;

constexpr size_t kMessagesPerDirection = 2;

std::string quoted(const std::string& text) {
  return nlohmann::json(text).dump();
}

// Every cluster has these; the picture is of what this run does.
bool is_upkeep(const TopologyActor& actor) {
  static const std::set<std::string> kKinds = {"node", "tracer", "door", "directory"};
  return kKinds.contains(actor.kind);
}

std::set<std::string> drawn_addresses(const Topology& topology) {
  std::set<std::string> addresses;
  for (const auto& actor : topology.actors)
    if (!is_upkeep(actor)) addresses.insert(actor.address);
  return addresses;
}

Conversations conversations(const Topology& topology, const std::set<std::string>& drawn) {
  Conversations all;
  for (const auto& edge : topology.edges) {
    const bool is_signal = edge.message.starts_with("@");  // links and exits
    if (is_signal || edge.from == edge.to) continue;
    if (!drawn.contains(edge.from) || !drawn.contains(edge.to)) continue;
    const auto reverse = all.find({edge.to, edge.from});
    (reverse == all.end() ? all[{edge.from, edge.to}].there : reverse->second.back).push_back(edge);
  }
  return all;
}

std::string label_of(std::vector<TopologyEdge> edges) {
  std::ranges::stable_sort(edges, std::greater{}, &TopologyEdge::count);
  std::string label;
  for (size_t i = 0; i < std::min(edges.size(), kMessagesPerDirection); ++i)
    label +=
        (i ? ", " : "") + message_name(edges[i].message) + " " + std::to_string(edges[i].count);
  return label + (edges.size() > kMessagesPerDirection ? ", ..." : "");
}

std::string label_of(const Conversation& conversation) {
  auto label = label_of(conversation.there);
  if (!conversation.back.empty()) label += "\n" + label_of(conversation.back);
  return label;
}

bool carries_tensors(const Conversation& conversation) {
  const auto is_tensor = [](const TopologyEdge& e) {
    return message_name(e.message) == "TensorMessage";
  };
  return std::ranges::any_of(conversation.there, is_tensor) ||
         std::ranges::any_of(conversation.back, is_tensor);
}

void write_node(std::ostream& out, const Topology& topology, const TopologyNode& node,
                const std::set<std::string>& drawn) {
  const auto pid = node.name + " (pid " + std::to_string(node.pid) + ")";
  out << "  subgraph " << quoted("cluster_" + node.name) << " {\n    label=" << quoted(pid)
      << "; style=\"rounded,filled\"; color=\"#d0d7de\"; fillcolor=\"#f6f8fa\";\n";
  for (const auto& actor : topology.actors) {
    if (actor.node != node.name || !drawn.contains(actor.address)) continue;
    const auto busy = std::to_string(std::lround(100 * actor.busy_share));
    out << "    " << quoted(actor.address) << " [label="
        << quoted(actor.address + "\n" + std::to_string(actor.handled) + " messages, " + busy +
                  " % busy")
        << "];\n";
  }
  out << "  }\n";
}

}  // namespace

std::string to_dot(const Topology& topology) {
  const auto drawn = drawn_addresses(topology);
  std::ostringstream out;
  out << "digraph troupe {\n  rankdir=LR; fontname=Helvetica; ranksep=1.1; nodesep=0.25;\n"
         "  node [shape=box, style=\"rounded,filled\", fillcolor=white, fontname=Helvetica, "
         "fontsize=11];\n  edge [fontname=Helvetica, fontsize=9, color=\"#57606a\"];\n";
  for (const auto& node : topology.nodes) write_node(out, topology, node, drawn);
  for (const auto& [ends, conversation] : conversations(topology, drawn))
    out << "  " << quoted(ends.first) << " -> " << quoted(ends.second)
        << " [label=" << quoted(label_of(conversation))
        << (conversation.back.empty() ? "" : ", dir=both")
        << (carries_tensors(conversation) ? ", color=\"#0969da\", penwidth=2" : "") << "];\n";
  out << "}\n";
  return out.str();
}

}  // namespace troupe
