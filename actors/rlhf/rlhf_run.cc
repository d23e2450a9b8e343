#include "actors/rlhf/rlhf_run.h"

#include "actors/factories.h"
#include "actors/rlhf/coordinator.h"
#include "actors/rlhf/reporter.h"
#include "actors/rlhf/run_setup.h"

namespace troupe {
namespace {

constexpr auto kLossLimit = std::chrono::seconds(5);  // within which a lost actor ends a run

std::chrono::milliseconds milliseconds(double seconds) {
  return std::chrono::milliseconds(static_cast<int64_t>(seconds * 1000));
}

ClusterLimits limits_of(RunConfig::Cluster::Reader cluster) {
  ClusterLimits limits;
  limits.heartbeat_interval = milliseconds(cluster.getHeartbeatIntervalSeconds());
  limits.heartbeat_limit = milliseconds(cluster.getHeartbeatLimitSeconds());
  return limits;
}

// The plan with its nodes where the cluster has room for them.
ClusterPlan placed(ClusterPlan plan, const std::vector<Place>& places) {
  for (auto& node : plan.nodes)
    for (const auto& place : places)
      if (place.node == node.name) {
        node.endpoint = place.endpoint;
        node.host = place.host;
      }
  return plan;
}

ClusterOptions cluster_options(const RunSetup& setup, ReservedPlaces* reserved) {
  ClusterOptions options;
  options.plan = setup.plan();
  options.factories = actor_factories();
  options.run_dir = setup.run_dir();
  options.model = setup.config().getModel().getPath();
  options.limits = limits_of(setup.config().getCluster());
  options.trace_interval = milliseconds(setup.config().getCluster().getTraceIntervalSeconds());
  options.one_process = setup.config().getCluster().getOneProcess();
  if (reserved != nullptr) {
    options.plan = placed(options.plan, reserved->places);
    options.processes = &reserved->client;
  }
  return options;
}

// Tells every actor that needs others where all of them are.
Peers introduce(Cluster& cluster) {
  Peers peers;
  for (const auto& actor : cluster.plan().actors)
    peers.actors[actor.address] = cluster.find<caf::strong_actor_ptr>(actor.address);
  for (const auto& actor : cluster.plan().actors) {
    const bool needs_peers = actor.kind != "stage" && actor.kind != "rollout_engine" &&
                             actor.kind != "checkpoint_writer";
    if (needs_peers) caf::anon_send(caf::actor_cast<caf::actor>(peers.find(actor.address)), peers);
  }
  return peers;
}

// Nothing if an actor is gone already, which ends the run and tells why.
std::optional<Peers> introduced(Cluster& cluster) {
  try {
    return introduce(cluster);
  } catch (const Error&) {
    if (!cluster.ended(kLossLimit)) throw;
    return std::nullopt;
  }
}

// Stops the run when its resident cluster does, as long as this lives.
class StopWithCluster {
 public:
  StopWithCluster(ReservedPlaces* reserved, Cluster& cluster) : reserved_(reserved) {
    if (reserved_ != nullptr)
      reserved_->client.on_stop([&cluster](const std::string& why) { cluster.stop(why); });
  }
  ~StopWithCluster() {
    if (reserved_ != nullptr) reserved_->client.on_stop({});
  }
  StopWithCluster(const StopWithCluster&) = delete;
  StopWithCluster& operator=(const StopWithCluster&) = delete;

 private:
  ReservedPlaces* reserved_;
};

}  // namespace

RunOutcome run_rlhf(const std::string& run_dir, std::function<void(const StepMetrics&)> show,
                    ReservedPlaces* reserved) {
  const RunSetup setup(run_dir);
  auto cluster = Cluster::start(cluster_options(setup, reserved));
  const StopWithCluster stop_with_cluster(reserved, *cluster);
  if (cluster->ended()) return cluster->wait();
  const auto peers = introduced(*cluster);
  if (!peers) return cluster->wait();
  const auto reporting = cluster->system().spawn(reporter, std::move(show));
  const StartRun start = {as_pointer(cluster->context().supervisor), as_pointer(reporting)};
  caf::anon_send(caf::actor_cast<Coordinator>(peers->find("coordinator")), start);
  auto outcome = cluster->wait();
  caf::anon_send_exit(reporting, caf::exit_reason::user_shutdown);
  return outcome;
}

}  // namespace troupe
