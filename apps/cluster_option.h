// --cluster and --secret-file: a resident cluster, and what opens it.
#pragma once

#include <string>

namespace CLI {
class App;
}

namespace troupe {

struct ClusterOption {
  std::string address, secret_file;

  bool is_given() const { return !address.empty(); }
};

void add_cluster_option(CLI::App& command, ClusterOption& option);

}  // namespace troupe
