// `troupe config explain [KEY]`: every key of a run config with its default, its limits and its
// meaning.
#include <CLI/CLI.hpp>
#include <iostream>
#include <memory>

#include "apps/commands.h"
#include "base/config_explain.h"
#include "storage/schema/run_config.capnp.h"

namespace troupe {

void add_config(CLI::App& app) {
  auto* config = app.add_subcommand("config", "Explain the keys of a run config");
  config->require_subcommand(1);
  auto* command = config->add_subcommand("explain", "Print key, default, limits, unit and meaning");
  auto key = std::make_shared<std::string>();
  command->add_option("KEY", *key, "a key or a section, such as actor.optim; all if left out");
  command->callback([key] { std::cout << explain(capnp::Schema::from<RunConfig>(), *key); });
}

}  // namespace troupe
