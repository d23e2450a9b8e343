// `troupe node`: one process of a cluster. A launcher starts it; it hosts the actors that the plan
// gives it and leaves with the launcher.
#include <CLI/CLI.hpp>
#include <memory>

#include "actors/cluster/node_process.h"
#include "actors/factories.h"
#include "apps/commands.h"

namespace troupe {

void add_node(CLI::App& app) {
  auto* command = app.add_subcommand("node", "Join a cluster and host a part of its actors");
  auto options = std::make_shared<NodeOptions>();
  command->add_option("--join", options->join, "The launcher, 127.0.0.1:PORT")->required();
  command->add_option("--name", options->name, "Which node of the plan to be")->required();
  command->add_option("--secret-file", options->secret_file, "The cluster's secret, mode 0600")
      ->required();
  command->add_option("--log", options->log_file, "Log here instead of standard output");
  command->add_option("--parent", options->parent, "The launcher's process id: end when it ends");
  command->callback([options] {
    check_node_options(*options);
    run_node(*options, actor_factories());
  });
}

}  // namespace troupe
