#include "apps/cluster_option.h"

#include <CLI/CLI.hpp>

namespace troupe {

void add_cluster_option(CLI::App& command, ClusterOption& option) {
  auto* address = command.add_option("--cluster", option.address,
                                     "A resident cluster, HOST:PORT as `troupe launch` says it");
  auto* secret =
      command.add_option("--secret-file", option.secret_file, "The cluster's secret, mode 0600");
  address->needs(secret);
  secret->needs(address);
}

}  // namespace troupe
