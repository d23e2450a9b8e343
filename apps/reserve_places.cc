#include "apps/reserve_places.h"

#include <iostream>
#include <map>

#include "base/error.h"

namespace troupe {
namespace {

std::string where(const std::vector<Place>& places) {
  std::map<std::string, std::string> nodes_of;
  for (const auto& place : places) nodes_of[place.member] += " " + place.node;
  std::string text;
  for (const auto& [member, nodes] : nodes_of)
    text += (text.empty() ? "" : ", ") + member + ":" + nodes;
  return text;
}

}  // namespace

std::unique_ptr<ReservedPlaces> reserve_places(const ClusterOption& option, const RunSetup& setup,
                                               const std::string& run) {
  if (!option.is_given()) return nullptr;
  if (setup.config().getCluster().getOneProcess())
    throw UsageError("--cluster: cluster.one_process = true leaves nothing to place on it");
  auto reserved = std::make_unique<ReservedPlaces>(option.address, option.secret_file);
  reserved->places = reserved->client.reserve(run, setup.wanted_nodes(), [&](const auto& line) {
    std::cout << "cluster " << option.address << ": " << line << std::endl;
  });
  std::cout << "cluster " << option.address << ": " << where(reserved->places) << std::endl;
  return reserved;
}

}  // namespace troupe
