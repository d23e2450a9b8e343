#include "storage/journal/topology.h"

#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <map>

#include "base/error.h"
#include "storage/journal/journal.h"
#include "storage/journal/process_start.h"

namespace troupe {
namespace {

using Names = std::map<std::pair<std::string, uint64_t>, std::string>;  // (system, id) -> address

// What runs in every node answers to the same name, so the node's is added.
std::string address_in_run(const ActorRecord& actor, const NodeRecord& node) {
  bool in_every_node = actor.address == "node" || actor.address == "tracer";
  return in_every_node ? actor.address + "@" + node.node : actor.address;
}

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
                    .oldest_message_ms = static_cast<double>(actor.oldest_message_ns) / 1e6};
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

std::string sender_of(const EdgeRecord& edge, const Names& names) {
  if (!edge.sender_address.empty()) return edge.sender_address;
  auto sender = names.find({edge.sender_system, edge.sender});
  return sender == names.end() ? "?" : sender->second;
}

TopologyEdge to_edge(const EdgeRecord& edge, const std::string& to, const Names& names) {
  return {.from = sender_of(edge, names),
          .to = to,
          .message = edge.message,
          .count = edge.count,
          .total_ms = static_cast<double>(edge.handler_ns) / 1e6,
          .p50_us = static_cast<double>(edge.p50_ns) / 1e3,
          .p99_us = static_cast<double>(edge.p99_ns) / 1e3};
}

// Only this host's processes can be looked up.
bool lives_here(const NodeRecord& record) {
  char host[256] = {};
  gethostname(host, sizeof(host) - 1);
  return record.host == host && process_start(record.pid) == record.process_start;
}

}  // namespace

Topology build_topology(std::vector<NodeRecord> records,
                        const std::function<bool(const NodeRecord&)>& lives) {
  std::ranges::sort(records, {}, &NodeRecord::node);
  Names names;
  for (const auto& node : records)
    for (const auto& actor : node.actors)
      names[{node.system, actor.id}] = address_in_run(actor, node);
  Topology topology;
  for (auto& node : records) {
    auto state = node.final ? "ended" : lives(node) ? "running" : "lost";
    auto& out = topology.nodes.emplace_back(node.node, node.pid, node.host, state, node.step);
    std::ranges::sort(node.actors, {}, &ActorRecord::address);
    for (const auto& actor : node.actors) {
      out.actors.push_back(address_in_run(actor, node));
      topology.actors.push_back(to_actor(actor, node, state));
      for (const auto& edge : actor.edges)
        topology.edges.push_back(to_edge(edge, out.actors.back(), names));
    }
  }
  std::ranges::stable_sort(topology.edges, std::greater{}, &TopologyEdge::total_ms);
  return topology;
}

Topology read_topology(const std::string& run_dir) {
  auto folder = std::filesystem::path(run_dir) / "journal";
  std::vector<NodeRecord> records;
  if (std::filesystem::is_directory(folder))
    for (const auto& entry : std::filesystem::directory_iterator(folder))
      if (auto last = JournalReader(entry.path()).last())
        records.push_back(decode_node_record(*last));
  if (records.empty())
    throw UsageError(run_dir + " is no folder of a run: there is no journal in it");
  return build_topology(std::move(records), lives_here);
}

}  // namespace troupe
