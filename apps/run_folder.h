// The folder of a run, which holds everything that the run writes.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "base/config.h"

namespace troupe {

// Throws UsageError if run.dir names a folder that is in use.
void check_run_folder_is_free(const Config& config);

// Throws UsageError if parallel.offload_folder is to hold files and cannot, on this host.
void check_offload_folder(const Config& config);

// Makes the folder that run.dir names (the default if it is empty), writes it and the absolute
// paths of the files that the run reads into `config`, and the resolved config into its
// config.yaml; runs/latest then links to a folder in runs/. Throws UsageError for a folder that is
// in use or cannot be written.
std::filesystem::path make_run_folder(Config& config, const std::filesystem::path& config_file);

// Throws UsageError for a folder that is no run's.
void check_run_folder(const std::filesystem::path& folder);

// The config of a run that is gone on with, changed by `overrides`: only by those that leave the
// result as it is (where actors live, how often is saved). Throws UsageError for another change, a
// folder that is no run's, or one whose run still goes on.
Config reopen_run_folder(const std::filesystem::path& folder,
                         const std::vector<std::string>& overrides);

// Makes it the folder's config.yaml; a full disk leaves the one that is there.
void write_run_config(const std::filesystem::path& folder, const Config& config);

}  // namespace troupe
