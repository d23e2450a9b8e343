#include "apps/cluster_topology.h"

#include <iostream>
#include <nlohmann/json.hpp>
#include <optional>
#include <sstream>

#include "actors/launch/cluster_client.h"
#include "base/error.h"
#include "storage/inspect/topology.h"

namespace troupe {
namespace {

using nlohmann::json;

constexpr size_t kShownEvents = 3;  // of a member's history, the latest

std::string padded(const std::string& text, size_t width) {
  return text + std::string(text.size() < width ? width - text.size() : 1, ' ');
}

void print(const MemberStatus& member, std::ostream& out) {
  out << padded(member.member, 20) << padded(member.state, 10) << member.used << " of "
      << member.slots << " slots";
  if (member.pid != 0) out << "  process " << member.pid << " on " << member.host;
  out << "\n";
  const auto& history = member.history;
  const size_t first = history.size() > kShownEvents ? history.size() - kShownEvents : 0;
  for (size_t i = first; i < history.size(); ++i) out << "    " << history[i] << "\n";
}

void print(const RunStatus& run, std::ostream& out) {
  out << (run.run_dir.empty() ? run.run : run.run_dir) << "  " << run.state << "\n";
  for (const auto& place : run.places)
    out << "    " << padded(place.node, 20) << "on " << place.member << "\n";
}

// Nothing before its first journal record.
std::optional<Topology> topology_of(const RunStatus& run) try {
  if (run.run_dir.empty()) return std::nullopt;
  return read_topology(run.run_dir);
} catch (const UsageError&) {
  return std::nullopt;
}

json json_of(const MemberStatus& member) {
  return {{"member", member.member}, {"host", member.host},      {"address", member.address},
          {"state", member.state},   {"pid", member.pid},        {"slots", member.slots},
          {"used", member.used},     {"history", member.history}};
}

json json_of(const RunStatus& run) {
  json places = json::array();
  for (const auto& place : run.places)
    places.push_back({{"node", place.node}, {"member", place.member}, {"host", place.host}});
  return {{"run", run.run}, {"run_dir", run.run_dir}, {"state", run.state}, {"places", places}};
}

// Adds a run's nodes, actors and edges to those of the others, each with its run.
void add(const RunStatus& run, const Topology& topology, json& all) {
  const auto one = json::parse(to_json(topology));
  for (const char* kind : {"nodes", "actors", "edges", "waits"})
    for (auto entry : one.value(kind, json::array())) {
      entry["run"] = run.run_dir;
      all[kind].push_back(std::move(entry));
    }
}

std::string to_json(const ClusterStatus& status) {
  json all = {{"members", json::array()}, {"runs", json::array()},  {"nodes", json::array()},
              {"actors", json::array()},  {"edges", json::array()}, {"waits", json::array()}};
  for (const auto& member : status.members) all["members"].push_back(json_of(member));
  for (const auto& run : status.runs) {
    all["runs"].push_back(json_of(run));
    if (const auto topology = topology_of(run)) add(run, *topology, all);
  }
  return all.dump(2, ' ', true);
}

}  // namespace

std::string to_text(const ClusterStatus& status) {
  std::ostringstream out;
  out << status.members.size() << " nodes, " << status.runs.size() << " runs\n";
  for (const auto& member : status.members) print(member, out);
  for (const auto& run : status.runs) print(run, out);
  return out.str();
}

void show_cluster(const std::string& address, const std::string& secret_file, bool as_json) {
  ClusterClient client(address, secret_file);
  const auto status = client.status();
  if (as_json) {
    std::cout << to_json(status) << "\n";
    return;
  }
  std::cout << "cluster " << address << ": " << to_text(status);
  for (const auto& run : status.runs)
    if (const auto topology = topology_of(run))
      std::cout << "\n" << run.run_dir << ":\n" << to_text(*topology);
}

}  // namespace troupe
