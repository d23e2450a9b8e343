// `troupe topology [RUN_DIR]`: who lives where in a run and who sends what to whom.
#include "storage/journal/topology.h"

#include <CLI/CLI.hpp>
#include <iostream>
#include <memory>
#include <string>

#include "apps/commands.h"

namespace troupe {
namespace {

struct Options {
  std::string run_dir = "runs/latest";
  bool json = false;
  bool dot = false;
};

void topology(const Options& options) {
  auto topology = read_topology(options.run_dir);
  if (options.json)
    std::cout << to_json(topology) << "\n";
  else
    std::cout << (options.dot ? to_dot(topology) : to_text(topology));
}

}  // namespace

void add_topology(CLI::App& app) {
  auto* command = app.add_subcommand("topology", "Show a run's nodes, actors and messages");
  auto options = std::make_shared<Options>();
  command->add_option("RUN_DIR", options->run_dir, "A run that goes on, has ended or was killed")
      ->capture_default_str();
  auto* json = command->add_flag("--json", options->json, "One JSON object");
  command->add_flag("--dot", options->dot, "A graph for graphviz")->excludes(json);
  command->callback([options] { topology(*options); });
}

}  // namespace troupe
