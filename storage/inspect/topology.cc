#include "storage/inspect/topology.h"

#include <algorithm>

#include "storage/inspect/node_records.h"

namespace troupe {
namespace {

bool ended_in_order(const std::string& reason) {
  return reason == "normal" || reason.find("user_shutdown") != reason.npos;
}

std::string state_of(const ActorRecord& actor, const std::string& node_state) {
  if (actor.exit_reason.empty()) return node_state;
  return ended_in_order(actor.exit_reason) ? "ended" : "failed";
}

TopologyActor to_actor(const ActorRecord& actor, const NodeRecord& node, const std::string& state) {
  auto address = address_in_run(actor, node);
  TopologyActor out{.address = address,
                    .kind = actor.kind,
                    .node = node.node,
                    .role = address.substr(0, address.find_first_of("/@")),
                    .state = state_of(actor, state),
                    .exit_reason = actor.exit_reason,
                    .mailbox_depth = actor.mailbox_depth,
                    .oldest_message_ms = static_cast<double>(actor.oldest_message_ns) / 1e6,
                    .gauges = actor.gauges};
  for (const auto& wait : node.final ? std::vector<WaitRecord>() : actor.waits)
    out.waits.push_back(
        {wait.whom, wait.what, static_cast<double>(node.steady_ns - wait.since_ns) / 1e9});
  int64_t busy_ns = actor.current_handler_ns;
  for (const auto& edge : actor.edges) {
    out.handled += edge.count;
    busy_ns += edge.handler_ns;
  }
  if (actor.lifetime_ns > 0)
    out.busy_share =
        std::min(1.0, static_cast<double>(busy_ns) / static_cast<double>(actor.lifetime_ns));
  return out;
}

TopologyEdge to_edge(const EdgeRecord& edge, const std::string& to, const ActorNames& names,
                     double seconds) {
  return {.from = names.sender_of(edge),
          .to = to,
          .message = edge.message,
          .count = edge.count,
          .rate = seconds > 0 ? static_cast<double>(edge.count) / seconds : 0,
          .bytes = edge.bytes,
          .total_ms = static_cast<double>(edge.handler_ns) / 1e6,
          .p50_us = static_cast<double>(edge.p50_ns) / 1e3,
          .p99_us = static_cast<double>(edge.p99_ns) / 1e3};
}

// By how many versions a rollout engine's weights are behind those that the coordinator published.
void add_staleness(Topology& topology) {
  double published = 0;
  for (const auto& actor : topology.actors)
    if (actor.kind == "coordinator" && actor.gauges.contains("weight_version"))
      published = actor.gauges.at("weight_version");
  for (auto& actor : topology.actors)
    if (actor.kind == "rollout_engine" && actor.gauges.contains("weight_version"))
      actor.gauges["staleness"] = std::max(0.0, published - actor.gauges.at("weight_version"));
}

}  // namespace

Topology build_topology(std::vector<NodeRecord> records,
                        const std::function<bool(const NodeRecord&)>& is_alive,
                        const NodeLives& history) {
  std::ranges::sort(records, {}, &NodeRecord::node);
  const ActorNames names(records);
  Topology topology;
  for (auto& node : records) {
    auto state = node.final ? "ended" : is_alive(node) ? "running" : "lost";
    topology.nodes.push_back({node.node, node.pid, node.host, state, node.step});
    auto& out = topology.nodes.back();
    out.peak_memory = node.peak_memory;
    if (const auto found = history.find(node.node); found != history.end())
      out.history = lives_until(node, state, found->second);
    std::ranges::sort(node.actors, {}, &ActorRecord::address);
    for (const auto& actor : node.actors) {
      out.actors.push_back(address_in_run(actor, node));
      topology.actors.push_back(to_actor(actor, node, state));
      for (const auto& edge : actor.edges)
        topology.edges.push_back(
            to_edge(edge, out.actors.back(), names, static_cast<double>(actor.lifetime_ns) / 1e9));
    }
  }
  std::ranges::stable_sort(topology.edges, std::greater{}, &TopologyEdge::total_ms);
  add_staleness(topology);
  return topology;
}

Topology read_topology(const std::string& run_dir, std::optional<int64_t> step) {
  const auto history = read_lives(run_dir);
  if (!step) return build_topology(last_records(run_dir), is_alive, history);
  auto records = last_records(run_dir, step);
  for (auto& record : records) record.final = false;  // the last step's ended the node, too
  return build_topology(
      std::move(records), [](const NodeRecord&) { return true; }, history);
}

}  // namespace troupe
