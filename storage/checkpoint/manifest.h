// manifest.json: the xxh3 of every file and tensor of a checkpoint, and of itself.
#pragma once

#include <cstdint>
#include <nlohmann/json.hpp>
#include <span>
#include <string>
#include <vector>

#include "storage/checkpoint/checkpoint.h"

namespace troupe {

std::string to_hex(uint64_t hash);  // 16 lower-case digits

// Paths of the regular files under a folder, relative to it, sorted.
std::vector<std::string> files_under(const std::string& folder);

// Describes `shards` as they were reported and every other file under `dir` as it lies there.
nlohmann::json make_manifest(const std::string& dir, std::span<const ShardInfo> shards,
                             const nlohmann::json& numerics);

// Throws unless the manifest is there, well formed and unflipped.
nlohmann::json read_manifest(const std::string& dir);

}  // namespace troupe
