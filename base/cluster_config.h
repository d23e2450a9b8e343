// Loads the config of a resident cluster, and refuses what the schema's types and limits cannot
// see.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "base/config.h"
#include "storage/schema/cluster_config.capnp.h"

namespace troupe {

// The file, then each "key.path=value" of `overrides`, checked. Throws UsageError.
Config load_cluster_config(const std::filesystem::path& path,
                           const std::vector<std::string>& overrides = {});

// Whether it may be a node's name: it becomes a file's name and part of an address.
bool is_node_name(const std::string& name);

}  // namespace troupe
