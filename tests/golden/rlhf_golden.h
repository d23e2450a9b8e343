// rlhf_losses.json for tests: every set of inputs with the results that the reference gave for it.
#pragma once

#include <fstream>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

namespace troupe::golden {

using Rows = std::vector<std::vector<double>>;

struct Case {
  nlohmann::json inputs, results;

  Rows rows(const std::string& name) const { return inputs.at(name).get<Rows>(); }
  bool has(const std::string& record) const { return results.contains(record); }
};

inline nlohmann::json load() {
  std::ifstream file(TROUPE_SOURCE_DIR "/tests/golden/rlhf_losses.json");
  return nlohmann::json::parse(file);
}

inline std::vector<Case> cases() {
  const auto golden = load();
  std::vector<Case> all = {{golden.at("inputs"), golden}};
  for (const auto& fresh : golden.at("fresh").at("cases")) {
    all.push_back({fresh.at("inputs"), fresh.at("results")});
  }
  return all;
}

// Rows end to end, as a pack has them.
inline std::vector<double> flat(const Rows& rows) {
  std::vector<double> all;
  for (const auto& row : rows) all.insert(all.end(), row.begin(), row.end());
  return all;
}

}  // namespace troupe::golden
