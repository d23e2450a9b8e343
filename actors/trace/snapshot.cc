#include "actors/trace/snapshot.h"

#include <unistd.h>

#include <chrono>

#include "storage/journal/process_start.h"

namespace troupe {
namespace {

std::string host_name() {
  char name[256] = {};
  gethostname(name, sizeof(name) - 1);
  return name;
}

ActorRecord to_record(ActorStats stats, const std::map<caf::actor_id, ActorLabel>& labels) {
  auto label = labels.find(stats.id);
  bool planned = label != labels.end();
  ActorRecord actor{.id = stats.id,
                    .address = planned ? label->second.address : stats.name,
                    .kind = planned ? label->second.kind : stats.name,
                    .type = stats.type,
                    .exit_reason = stats.exit_reason,
                    .mailbox_depth = stats.mailbox_depth,
                    .oldest_message_ns = stats.oldest_message_ns,
                    .current_handler_ns = stats.current_handler_ns,
                    .lifetime_ns = stats.lifetime_ns};
  for (auto& edge : stats.edges)
    actor.edges.push_back({edge.sender == 0 ? "" : to_string(edge.sender_node), edge.sender,
                           std::move(edge.message), edge.count, edge.handler_ns, edge.p50_ns,
                           edge.p99_ns, std::move(edge.sender_address)});
  return actor;
}

}  // namespace

NodeRecord snapshot(const caf::actor_system& system, const std::string& node, int64_t step,
                    bool final) {
  const auto& book = dynamic_cast<const SystemConfig&>(system.config()).trace_book;
  auto now = std::chrono::system_clock::now().time_since_epoch();
  NodeRecord record{.node = node,
                    .pid = getpid(),
                    .process_start = process_start(getpid()),
                    .host = host_name(),
                    .system = to_string(system.node()),
                    .wall_time_ns = std::chrono::nanoseconds(now).count(),
                    .step = step,
                    .final = final};
  auto labels = book.labels();
  for (auto& stats : book.stats())
    if (stats.id != 0) record.actors.push_back(to_record(std::move(stats), labels));
  return record;
}

}  // namespace troupe
