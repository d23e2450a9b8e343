// Folders that are named after a config and the time at which they were made, and the link to the
// latest of them.
#pragma once

#include <cstdint>
#include <filesystem>

namespace troupe {

// "runs/quickstart-20260131-142501" for "runs" and configs/quickstart.yaml.
std::filesystem::path dated_folder(const std::filesystem::path& parent,
                                   const std::filesystem::path& config_file, int64_t wall_time_ns);

// Makes `latest` beside the folder link to it, if it lies in `parent`; in one step, so that there
// is always a latest one.
void link_latest(const std::filesystem::path& folder, const std::filesystem::path& parent);

}  // namespace troupe
