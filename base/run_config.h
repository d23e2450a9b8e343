// Loads the config of a run, and refuses what the schema's types and limits cannot see: roles on
// nodes that do not exist, more stages than layers, files that are not there.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "base/config.h"
#include "storage/schema/run_config.capnp.h"

namespace troupe {

// The file, then each "key.path=value" of `overrides`, checked. Throws UsageError.
Config load_run_config(const std::filesystem::path& path,
                       const std::vector<std::string>& overrides = {});

// Throws UsageError that names the first key whose value makes no sense beside the others.
void check_run_config(const Config& config);

// The part that needs the model: every pipeline has at most a stage per layer. For a model of a
// file, call it again with the number that the file says.
void check_stages(const Config& config, int num_hidden_layers);

}  // namespace troupe
