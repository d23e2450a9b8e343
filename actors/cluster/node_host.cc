#include "actors/cluster/node_host.h"

#include <spdlog/spdlog.h>

#include <algorithm>

namespace troupe {
namespace {

TransportMap transport_map(const Joined& cluster) {
  const auto& plan = cluster.settings.plan;
  TransportMap map;
  map.keys = curve_keys(cluster.secret);
  map.listening_socket = cluster.data_socket;
  map.silence_limit = std::chrono::milliseconds(cluster.settings.heartbeat_limit_ms);
  for (const auto& node : plan.nodes) map.endpoint_of_node[node.name] = node.endpoint;
  for (const auto& actor : plan.actors) map.node_of_address[actor.address] = actor.node;
  return map;
}

ChannelReceiver::OnError end_the_run(Supervisor supervisor, std::string node) {
  return [=](const std::string& error) {
    spdlog::error("{}", error);
    caf::anon_send(supervisor, ActorDied{node, "transport", error});
  };
}

std::function<std::optional<std::string>()> asks(const std::shared_ptr<LinkWatch>& links) {
  return [links] { return links ? links->lost() : std::nullopt; };
}

const NodePlan& node_of(const ClusterPlan& plan, const std::string& name) {
  const auto found = std::ranges::find(plan.nodes, name, &NodePlan::name);
  CHECK(found != plan.nodes.end(), name);
  return *found;
}

// Those that host actors, on the host of `name`.
std::vector<NodePlan> computing_neighbours(const ClusterPlan& plan, const std::string& name) {
  const auto& host = node_of(plan, name).host;
  std::vector<NodePlan> nodes;
  for (const auto& node : plan.nodes)
    if (node.host == host && !plan.actors_of(node.name).empty()) nodes.push_back(node);
  return nodes;
}

}  // namespace

int compute_threads_of(const NodeSettings& settings, const std::string& name) {
  const int planned = node_of(settings.plan, name).compute_threads;
  if (planned > 0) return planned;
  const auto neighbours = computing_neighbours(settings.plan, name).size();
  return std::max(1, settings.num_cores / std::max(1, static_cast<int>(neighbours)));
}

bool needs_core_leases(const NodeSettings& settings, const std::string& name) {
  if (settings.shares_its_host) return true;
  int threads = 0;
  for (const auto& node : computing_neighbours(settings.plan, name))
    threads += compute_threads_of(settings, node.name);
  return threads > settings.num_cores;
}

NodeHost::NodeHost(caf::actor_system& system, std::string name, const Joined& cluster)
    : context_{
          .system = system,
          .node = name,
          .plan = cluster.settings.plan,
          .run_dir = cluster.settings.run_dir,
          .runtime_dir = cluster.settings.runtime_dir,
          .directory = cluster.directory,
          .supervisor = cluster.supervisor,
          .compute_threads = compute_threads_of(cluster.settings, name),
          .core_gate{cluster.settings.runtime_dir,
                     needs_core_leases(cluster.settings, name) ? cluster.settings.num_cores : 0},
          .transport{name, transport_map(cluster), end_the_run(cluster.supervisor, name)}} {
  using std::chrono::milliseconds;
  const auto& settings = cluster.settings;
  auto& book = dynamic_cast<const SystemConfig&>(system.config()).trace_book;
  book.enabled = settings.trace_interval_ms > 0;
  auto tracer = system.spawn<caf::detached>(
      troupe::tracer, TracerConfig{.node = name,
                                   .journal_folder = settings.run_dir + "/journal/" + name,
                                   .interval = milliseconds(settings.trace_interval_ms)});
  node_ = system.spawn<caf::detached>(
      troupe::node, NodeConfig{.node = name,
                               .directory = cluster.directory,
                               .supervisor = cluster.supervisor,
                               .tracer = tracer,
                               .heartbeat_interval = milliseconds(settings.heartbeat_interval_ms),
                               .lost_link = asks(context_.transport.links()),
                               .log = [](const std::string& text) { spdlog::info("{}", text); }});
}

void NodeHost::start_actors(const ActorFactories& factories) {
  for (const auto& plan : context_.plan.actors_of(context_.node)) {
    try {
      auto factory = factories.find(plan.kind);
      CHECK(factory != factories.end(), plan.kind);
      host(plan, factory->second(context_, plan));
    } catch (const std::exception& e) {
      spdlog::error("actor {} cannot be made: {}", plan.address, e.what());
      auto reason = std::string("it cannot be made: ") + e.what();
      return caf::anon_send(context_.supervisor, ActorDied{context_.node, plan.address, reason});
    }
  }
  spdlog::info("node {} is ready", context_.node);
  caf::anon_send(context_.supervisor, NodeReady{context_.node});
}

void NodeHost::host(const ActorPlan& plan, const caf::strong_actor_ptr& actor) {
  CHECK(actor != nullptr, plan.address);
  const auto& config = dynamic_cast<const SystemConfig&>(context_.system.config());
  config.trace_book.label(actor->id(), {plan.address, plan.kind, plan.node});
  caf::anon_send(node_, HostActor{plan.address, actor});
  caf::anon_send(context_.directory, Announce{plan.address, actor});
  spdlog::info("actor {} of kind {} lives", plan.address, plan.kind);
}

bool NodeHost::wait() {
  caf::scoped_actor self(context_.system);
  self->monitor(node_);
  bool in_order = false;
  self->receive([&](const caf::down_msg& down) { in_order = !down.reason; });
  return in_order;
}

}  // namespace troupe
