#include "apps/auto_layout.h"

#include <algorithm>
#include <iostream>

#include "actors/measure.h"
#include "apps/stage_plan.h"
#include "base/error.h"
#include "graph/parallel/plan_search.h"

namespace troupe {
namespace {

std::vector<std::string> settings_of(const PlanChoice& choice) {
  const auto number = [](const char* key, int value) {
    return std::string("parallel.") + key + "=" + std::to_string(value);
  };
  return {"parallel.auto=false",
          number("pipeline", choice.mesh.pipeline),
          number("data", choice.mesh.data),
          number("tensor", choice.mesh.tensor),
          number("zero", static_cast<int>(choice.zero)),
          number("chunks", choice.num_chunks),
          "parallel.schedule=" + choice.schedule,
          std::string("parallel.sequence=") + (choice.sequence ? "true" : "false"),
          "parallel.recompute=" + std::string(name_of(choice.recompute))};
}

// The host's cores and memory, shared by the nodes of the policy.
Hardware shared_by(int num_nodes) {
  Hardware hardware = measured_compute();
  const auto shared = measured_shared_memory();
  hardware.devices_per_host = num_nodes;
  hardware.f32_flops /= num_nodes;
  hardware.bf16_flops /= num_nodes;
  hardware.memory_bytes /= num_nodes;
  hardware.host_bandwidth = shared.bandwidth;
  hardware.host_latency = shared.latency;
  return hardware;
}

}  // namespace

std::shared_ptr<Config> load_with_layout(const std::string& path,
                                         const std::vector<std::string>& set) {
  auto config = std::make_shared<Config>(load_run_config(path, set));
  if (!config->as<RunConfig>().getParallel().getAuto()) return config;
  const int nodes = std::max<int>(
      1, static_cast<int>(config->as<RunConfig>().getRoles().getPolicy().getStages().size()));
  const auto search = search_plans(training_work(RunSetup(config)), shared_by(nodes));
  if (search.best.empty())
    config->reject("parallel.auto", ": no layout of " + std::to_string(nodes) +
                                        " ranks fits into this host's memory");
  const auto& best = search.best.front().choice;
  std::cout << "layout: " << to_string(best) << " (of " << search.num_rated << ")" << std::endl;
  auto all = set;
  std::ranges::copy(settings_of(best), std::back_inserter(all));
  return std::make_shared<Config>(load_run_config(path, all));
}

}  // namespace troupe
