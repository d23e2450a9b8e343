#include "actors/trace/snapshot.h"

#include <unistd.h>

#include <chrono>

#include "base/host_name.h"
#include "base/wall_time.h"
#include "devices/cpu/memory_use.h"
#include "storage/journal/process_start.h"

namespace troupe {
namespace {

// What an actor did since it was last asked.
struct TakenTimeline {
  std::vector<HandledSpan> handled;
  std::vector<WorkSpan> work;

  void move_to(ActorRecord& actor) {
    for (const auto& span : handled)
      actor.handled.push_back({span.edge, span.arrived_ns, span.start_ns, span.end_ns});
    for (auto& span : work)
      actor.work.push_back({std::move(span.label), span.start_ns, span.end_ns});
  }
};

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
                           edge.p99_ns, std::move(edge.sender_address), edge.bytes, edge.last_ns});
  for (auto& wait : stats.waits)
    actor.waits.push_back({std::move(wait.whom), std::move(wait.what), wait.since_ns});
  actor.gauges = std::move(stats.gauges);
  return actor;
}

std::map<std::string, double> peak_memory() {
  const MemoryUse use = memory_use();
  std::map<std::string, double> peaks;
  for (int i = 0; i < kNumMemoryClasses; ++i)
    if (use.peak[i] > 0)
      peaks[std::string(name_of(static_cast<MemoryClass>(i)))] = static_cast<double>(use.peak[i]);
  if (use.total_peak > 0) peaks["total"] = static_cast<double>(use.total_peak);
  return peaks;
}

}  // namespace

NodeRecord snapshot(const caf::actor_system& system, const std::string& node, int64_t step,
                    bool final, Activity activity) {
  const auto& book = dynamic_cast<const SystemConfig&>(system.config()).trace_book;
  NodeRecord record{.node = node,
                    .pid = getpid(),
                    .process_start = process_start(getpid()),
                    .host = host_name(),
                    .system = to_string(system.node()),
                    .wall_time_ns = wall_time_now_ns(),
                    .steady_ns = ActorProbe::now_ns(),
                    .step = step,
                    .final = final,
                    .peak_memory = peak_memory()};
  auto labels = book.labels();
  for (const auto& probe : book.probes()) {
    TakenTimeline taken;
    if (activity == Activity::take) taken = {probe->take_handled(), probe->take_work()};
    auto stats = probe->stats();  // after that: a message just handled may be its edge's first
    if (stats.id == 0) continue;
    record.actors.push_back(to_record(std::move(stats), labels));
    taken.move_to(record.actors.back());
  }
  return record;
}

}  // namespace troupe
