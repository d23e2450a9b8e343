// `troupe plan RUN.yaml`: what a run's stages will run and take, before it starts, and which layout
// would be the fastest.
#include <CLI/CLI.hpp>
#include <fstream>
#include <iomanip>
#include <iostream>
#include <memory>
#include <nlohmann/json.hpp>
#include <sstream>

#include "apps/commands.h"
#include "apps/hardware_option.h"
#include "apps/set_option.h"
#include "apps/stage_plan.h"
#include "base/error.h"
#include "graph/parallel/plan_search.h"
#include "graph/parallel/program_cost.h"
#include "graph/parallel/schedule_csv.h"

namespace troupe {
namespace {

using Json = nlohmann::json;

struct Options {
  std::string config, dot, csv;
  std::vector<std::string> set;
  HardwareOption hardware;
  int micro_batches = 0;
  bool explain = false, json = false;
};

Json json_of(const StagePlan& stage) {
  Json json = {{"address", stage.address},
               {"node", stage.node},
               {"kernel_calls", stage.kernel_calls},
               {"gflop", stage.flops / 1e9},
               {"forward_seconds", stage.forward_seconds},
               {"backward_seconds", stage.backward_seconds},
               {"sent_mb", stage.sent_bytes / 1e6}};
  for (int i = 0; i < kNumMemoryClasses; ++i)
    json["mb"][std::string(name_of(static_cast<MemoryClass>(i)))] =
        static_cast<double>(stage.memory.bytes[i]) / 1e6;
  json["mb"]["total"] = static_cast<double>(stage.memory.total()) / 1e6;
  return json;
}

Json json_of(const RolePlan& role) {
  Json json = {{"role", role.role},
               {"micro_batches", role.micro_batches},
               {"step_seconds", role.step_seconds},
               {"bubble", role.bubble}};
  for (const auto& stage : role.stages) json["stages"].push_back(json_of(stage));
  return json;
}

void print(const RolePlan& role) {
  std::cout << std::fixed << std::setprecision(3) << role.role;
  if (role.micro_batches > 0)
    std::cout << ": " << role.micro_batches << " micro-batches, " << role.step_seconds
              << " s of computing a step, bubble " << std::setprecision(1) << 100 * role.bubble
              << " %";
  std::cout << std::setprecision(1) << '\n';
  std::cout << std::left << std::setw(22) << "actor" << std::right;
  for (const char* name : {"node", "calls", "GFLOP", "weights", "packed", "grads", "optim", "activ",
                           "KV cache", "scratch", "comm", "total MB", "in files", "sent MB"})
    std::cout << std::setw(10) << name;
  std::cout << '\n';
  const auto mb = [](int64_t bytes) { return static_cast<double>(bytes) / 1e6; };
  for (const auto& stage : role.stages) {
    std::cout << std::left << std::setw(22) << stage.address << std::right << std::setw(10)
              << stage.node << std::setw(10) << stage.kernel_calls << std::setw(10)
              << stage.flops / 1e9;
    for (auto memory : {MemoryClass::weights, MemoryClass::packed_weights, MemoryClass::gradients,
                        MemoryClass::optimizer, MemoryClass::activations, MemoryClass::kv_cache,
                        MemoryClass::scratch, MemoryClass::communication})
      std::cout << std::setw(10) << mb(stage.memory.bytes[static_cast<int>(memory)]);
    const auto files = stage.memory.bytes[static_cast<int>(MemoryClass::offloaded_optimizer)];
    std::cout << std::setw(10) << mb(stage.memory.total()) << std::setw(10) << mb(files)
              << std::setw(10) << stage.sent_bytes / 1e6 << '\n';
  }
}

void print_row(const RatedPlan& plan) {
  std::cout << "  " << std::setprecision(3) << plan.cost.step_seconds << " s a step, "
            << std::setprecision(1) << plan.cost.bytes.total() / 1e9 << " GB, bubble "
            << 100 * plan.cost.bubble << " %: " << to_string(plan.choice) << '\n';
}

void explain(const RunSetup& setup, const Hardware& hardware) {
  const auto search = search_plans(training_work(setup), hardware);
  std::cout << std::fixed << search.num_rated << " layouts on " << hardware.num_devices()
            << " devices (" << hardware.name << "); the best:\n";
  for (const auto& plan : search.best) print_row(plan);
  std::cout << "others, each mesh's best:\n";
  for (const auto& plan : search.others) {
    print_row(plan);
    std::cout << "    " << plan.why_not << '\n';
  }
  for (const auto& why : search.ruled_out) std::cout << "never: " << why << '\n';
  if (search.best.empty()) throw Error("no layout fits into " + hardware.name + "'s memory");
}

void write(const std::string& path, const std::string& text) {
  std::ofstream file(path);
  file << text << std::flush;
  if (!file) throw Error(path + ": cannot be written");
}

void plan(const Options& options) {
  const auto config = std::make_shared<const Config>(load_run_config(options.config, options.set));
  const RunSetup setup(config);
  const auto layout = setup.layout("policy");
  if (!options.dot.empty())
    write(options.dot, to_dot(program_of(setup, layout.ranks.front().address)));
  const auto hardware = options.hardware.get();
  if (options.explain) return explain(setup, hardware);
  const auto roles = role_plans(setup, hardware);
  if (!options.csv.empty())
    write(options.csv,
          to_csv(make_table(*layout.schedule, {layout.mesh.pipeline,
                                               options.micro_batches > 0 ? options.micro_batches
                                                                         : roles[0].micro_batches,
                                               layout.num_chunks})));
  Json json = Json::array();
  for (const auto& role : roles) options.json ? json.push_back(json_of(role)) : print(role);
  if (options.json) std::cout << json.dump(2, ' ', true) << '\n';
}

}  // namespace

void add_plan(CLI::App& app) {
  auto* command = app.add_subcommand("plan", "Show what a run's stages will run and take");
  auto options = std::make_shared<Options>();
  command->add_option("RUN.yaml", options->config, "The run's config")->required();
  add_set_option(*command, options->set);
  options->hardware.add_to(*command);
  command->add_flag("--explain", options->explain,
                    "Search all layouts of the policy: the five best, and why the others lost");
  command->add_flag("--json", options->json, "The same as JSON");
  command->add_option("--dot", options->dot, "File for the first rank's program, for graphviz");
  command->add_option("--csv", options->csv, "File for the policy's schedule, as a table");
  command->add_option("--micro-batches", options->micro_batches, "Of the schedule's table")
      ->check(CLI::Range(1, 65536));
  command->callback([options] { plan(*options); });
}

}  // namespace troupe
