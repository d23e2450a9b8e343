#include "tests/actors/cluster/echo.h"

#include <fstream>
#include <iostream>
#include <map>

#include "actors/cluster/child_process.h"
#include "actors/cluster/node_process.h"

namespace troupe {
namespace {

using Echo =
    caf::typed_actor<caf::replies_to<GetStats>::with<NodeStats>, caf::reacts_to<TrainingStep>>;

struct EchoState {
  const char* name = "echo";
};

Echo::behavior_type echo(Traced<Echo, EchoState>*, std::string address, bool fragile) {
  return {
      [=](const GetStats&) { return NodeStats{address}; },
      [=](const TrainingStep& step) { CHECK(!fragile, address, step.step); },
  };
}

caf::strong_actor_ptr spawn_echo(NodeContext& node, const ActorPlan& plan, bool fragile) {
  return as_pointer(node.system.spawn(echo, plan.full_address(), fragile));
}

}  // namespace

ActorFactories echo_factories() {
  return {
      {"echo",
       [](NodeContext& node, const ActorPlan& plan) { return spawn_echo(node, plan, false); }},
      {"fragile",
       [](NodeContext& node, const ActorPlan& plan) { return spawn_echo(node, plan, true); }},
      {"broken",
       [](NodeContext&, const ActorPlan& plan) -> caf::strong_actor_ptr {
         throw Error("no room for " + plan.address);
       }},
  };
}

ClusterPlan echo_plan(int num_nodes) {
  ClusterPlan plan;
  for (int i = 0; i < num_nodes; ++i) {
    auto node = "node-" + std::to_string(i);
    plan.nodes.push_back({.name = node});
    plan.actors.push_back({"echo/" + std::to_string(i), "echo", node, ""});
  }
  return plan;
}

ClusterOptions echo_options(ClusterPlan plan, const std::string& run_dir, std::string* report) {
  using std::chrono_literals::operator""ms;
  return {.plan = std::move(plan),
          .factories = echo_factories(),
          .run_dir = run_dir,
          .limits = {.heartbeat_interval = 100ms, .heartbeat_limit = 1500ms},
          .node_command = {own_program(), "node"},
          .report = [report](const std::string& text) { *report = text; }};
}

void run_echo_node(const std::vector<std::string>& arguments) {
  std::map<std::string, std::string> options;
  for (size_t i = 0; i + 1 < arguments.size(); i += 2) options[arguments[i]] = arguments[i + 1];
  run_node({.join = options["--join"],
            .name = options["--run-node"],
            .secret_file = options["--secret-file"],
            .parent = std::stoi(options["--parent"])},
           echo_factories());
}

int run_echo_launcher(const std::vector<std::string>& arguments) {
  std::string report;
  auto cluster = Cluster::start(echo_options(echo_plan(2), arguments.at(0), &report));
  std::cout << "ready";
  for (auto pid : node_pids(arguments.at(0))) std::cout << " " << pid;
  std::cout << std::endl;
  auto outcome = cluster->wait();
  std::cout << report << outcome.failure << std::endl;
  return outcome.ok ? 0 : 1;
}

std::vector<pid_t> node_pids(const std::string& run_dir) {
  std::vector<pid_t> pids;
  std::ifstream log(run_dir + "/logs/launcher.log");
  const std::string key = "is started as pid ";
  for (std::string line; std::getline(log, line);)
    if (auto at = line.find(key); at != line.npos)
      pids.push_back(std::stoi(line.substr(at + key.size())));
  return pids;
}

}  // namespace troupe
