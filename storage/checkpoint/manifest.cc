#include "storage/checkpoint/manifest.h"

#include <algorithm>
#include <cstdio>
#include <filesystem>

#include "base/error.h"
#include "base/hash.h"
#include "storage/file.h"
#include "storage/mapped_file.h"

namespace troupe {
namespace {

using nlohmann::json;

constexpr const char* kFormat = "troupe-checkpoint-1";

std::string hash_of(json manifest) {
  manifest.erase("xxh3");
  const auto text = manifest.dump();
  return to_hex(xxh3(std::as_bytes(std::span(text.data(), text.size()))));
}

json describe(const ShardInfo& shard) {
  json tensors = json::object();
  for (const auto& tensor : shard.tensors) tensors[tensor.name] = to_hex(tensor.xxh3);
  return {{"bytes", shard.bytes}, {"xxh3", to_hex(shard.xxh3)}, {"tensors", tensors}};
}

json describe(const std::string& path) {
  const MappedFile file(path);
  return {{"bytes", file.bytes().size()}, {"xxh3", to_hex(xxh3(file.bytes()))}};
}

}  // namespace

std::string to_hex(uint64_t hash) {
  char digits[17];
  std::snprintf(digits, sizeof(digits), "%016lx", static_cast<unsigned long>(hash));
  return digits;
}

std::vector<std::string> files_under(const std::string& folder) {
  std::vector<std::string> files;
  for (const auto& entry : std::filesystem::recursive_directory_iterator(folder))
    if (entry.is_regular_file())
      files.push_back(std::filesystem::relative(entry.path(), folder).string());
  std::sort(files.begin(), files.end());
  return files;
}

json make_manifest(const std::string& dir, std::span<const ShardInfo> shards,
                   const json& numerics) {
  json files = json::object();
  for (const auto& shard : shards) files[shard.file] = describe(shard);
  for (const auto& file : files_under(dir)) {
    if (files.contains(file) || file == "manifest.json") continue;
    if (file.ends_with(".safetensors"))
      throw Error(dir + '/' + file + ": no writer reported this shard");
    files[file] = describe(dir + '/' + file);
  }
  json manifest = {{"format", kFormat}, {"numerics", numerics}, {"files", files}};
  manifest["xxh3"] = hash_of(manifest);
  return manifest;
}

json read_manifest(const std::string& dir) {
  const auto path = dir + "/manifest.json";
  json manifest = read_json_file(path);
  if (!manifest.is_object() || manifest.value("format", json()) != kFormat)
    throw Error(path + ": expected a manifest of format " + kFormat);
  if (manifest.value("xxh3", json()) != hash_of(manifest))
    throw Error(path + ": its own checksum is wrong");
  return manifest;
}

}  // namespace troupe
