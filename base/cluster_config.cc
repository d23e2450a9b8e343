#include "base/cluster_config.h"

#include <algorithm>
#include <set>

namespace troupe {
namespace {

// A node that ssh starts elsewhere dials `listen` from there.
void check_is_reached(const Config& config, const std::string& key, const std::string& host) {
  const std::string listen = config.as<ClusterConfig>().getListen().cStr();
  const bool is_loopback = listen.starts_with("127.") || listen.starts_with("localhost:");
  if (is_loopback && !host.ends_with("localhost"))
    config.reject(key, " = " + host + ": other hosts cannot reach listen = " + listen +
                           "\n  let it listen on an address of this host that they reach");
}

void check_node(const Config& config, const std::string& key, ClusterConfig::Node::Reader node,
                std::set<std::string>& names) {
  const std::string name = node.getName().cStr();
  if (!is_node_name(name))
    config.reject(key + ".name", " = '" + name + "': expected letters, digits, '-', '_' and '.'");
  if (!names.insert(name).second)
    config.reject(key + ".name", " = " + name + ": another node has this name");
  const bool by_ssh = node.getStart() == ClusterConfig::Start::SSH;
  if (by_ssh && node.getHost().size() == 0) config.reject(key + ".host", ": start ssh needs it");
  if (by_ssh) check_is_reached(config, key + ".host", node.getHost().cStr());
  if (!by_ssh && node.getHost().size() > 0)
    config.reject(key + ".host", ": only start ssh takes one");
}

}  // namespace

bool is_node_name(const std::string& name) {
  return !name.empty() && std::all_of(name.begin(), name.end(), [](unsigned char c) {
    return std::isalnum(c) || c == '-' || c == '_' || c == '.';
  });
}

Config load_cluster_config(const std::filesystem::path& path,
                           const std::vector<std::string>& overrides) {
  Config config(capnp::Schema::from<ClusterConfig>());
  config.read_file(path);
  for (const auto& assignment : overrides) config.set(assignment);
  const auto cluster = config.as<ClusterConfig>();
  std::set<std::string> names;
  for (unsigned i = 0; i < cluster.getNodes().size(); ++i)
    check_node(config, "nodes." + std::to_string(i), cluster.getNodes()[i], names);
  if (cluster.getHeartbeatLimitSeconds() <= cluster.getHeartbeatIntervalSeconds())
    config.reject("heartbeat_limit_seconds", ": expected more than heartbeat_interval_seconds");
  return config;
}

}  // namespace troupe
