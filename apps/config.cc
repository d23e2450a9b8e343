// `troupe config explain [KEY]`: every key of a run config with its default, its limits and its
// meaning. `troupe config show RUN.yaml`: what a run of this file would be, with the origin of
// every value.
#include <CLI/CLI.hpp>
#include <iostream>
#include <memory>

#include "apps/commands.h"
#include "apps/set_option.h"
#include "base/cluster_config.h"
#include "base/config_explain.h"
#include "base/run_config.h"

namespace troupe {
namespace {

void add_explain(CLI::App& config) {
  auto* command = config.add_subcommand("explain", "Print key, default, limits, unit and meaning");
  struct Options {
    std::string key;
    bool of_cluster = false;
  };
  auto options = std::make_shared<Options>();
  command->add_option("KEY", options->key,
                      "a key or a section, such as actor.optim; all if left out");
  command->add_flag("--cluster", options->of_cluster, "the keys of `troupe launch` instead");
  command->callback([options] {
    const auto schema = options->of_cluster ? capnp::Schema::from<ClusterConfig>()
                                            : capnp::Schema::from<RunConfig>();
    std::cout << explain(schema, options->key);
  });
}

void add_show(CLI::App& config) {
  struct Options {
    std::string file;
    std::vector<std::string> set;
  };
  auto* command =
      config.add_subcommand("show", "Check a run config and print every value with its origin");
  auto options = std::make_shared<Options>();
  command->add_option("RUN.yaml", options->file, "the run config")->required();
  add_set_option(*command, options->set);
  command->callback(
      [options] { std::cout << load_run_config(options->file, options->set).to_yaml(true); });
}

}  // namespace

void add_config(CLI::App& app) {
  auto* config = app.add_subcommand("config", "Explain or show a run config");
  config->require_subcommand(1);
  add_explain(*config);
  add_show(*config);
}

}  // namespace troupe
