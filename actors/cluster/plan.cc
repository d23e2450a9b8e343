#include "actors/cluster/plan.h"

#include <nlohmann/json.hpp>
#include <set>

#include "base/error.h"

namespace troupe {
namespace {

using Json = nlohmann::json;

Json json_of(const NodePlan& node) {
  return {{"name", node.name},
          {"endpoint", node.endpoint},
          {"compute_threads", node.compute_threads},
          {"host", node.host}};
}

Json json_of(const ActorPlan& actor) {
  return {{"address", actor.address},
          {"kind", actor.kind},
          {"node", actor.node},
          {"config", actor.config}};
}

}  // namespace

void ClusterPlan::check() const {
  std::set<std::string> names, addresses;
  for (const auto& node : nodes) {
    // The name becomes a file name and part of an address.
    CHECK(!node.name.empty() && node.name.find_first_of("/@ \n") == std::string::npos, node.name);
    CHECK(names.insert(node.name).second, node.name);
  }
  for (const auto& actor : actors) {
    CHECK(!actor.address.empty() && actor.address.find('@') == std::string::npos, actor.address);
    CHECK(addresses.insert(actor.address).second, actor.address);
    bool node_is_planned = names.contains(actor.node);
    CHECK(node_is_planned, actor.address, actor.node);
  }
}

std::vector<ActorPlan> ClusterPlan::actors_of(const std::string& node) const {
  std::vector<ActorPlan> found;
  for (const auto& actor : actors)
    if (actor.node == node) found.push_back(actor);
  return found;
}

const ActorPlan* ClusterPlan::find(const std::string& address) const {
  for (const auto& actor : actors)
    if (actor.address == address) return &actor;
  return nullptr;
}

ClusterPlan ClusterPlan::in_one_process() const {
  ClusterPlan plan{.nodes = {{.name = kLauncherNode}}, .actors = actors};
  for (auto& actor : plan.actors) actor.node = kLauncherNode;
  return plan;
}

std::string to_json(const ClusterPlan& plan) {
  Json json = {{"nodes", Json::array()}, {"actors", Json::array()}};
  for (const auto& node : plan.nodes) json["nodes"].push_back(json_of(node));
  for (const auto& actor : plan.actors) json["actors"].push_back(json_of(actor));
  return json.dump();
}

ClusterPlan plan_from_json(const std::string& text) try {
  ClusterPlan plan;
  auto json = Json::parse(text);
  for (const auto& node : json.at("nodes"))
    plan.nodes.push_back(
        {node.at("name"), node.at("endpoint"), node.at("compute_threads"), node.at("host")});
  for (const auto& actor : json.at("actors"))
    plan.actors.push_back(
        {actor.at("address"), actor.at("kind"), actor.at("node"), actor.at("config")});
  plan.check();
  return plan;
} catch (const Json::exception& e) {
  throw Error(std::string("malformed cluster plan: ") + e.what());
}

}  // namespace troupe
