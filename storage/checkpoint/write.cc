#include <algorithm>
#include <cstdio>
#include <filesystem>
#include <set>

#include "base/error.h"
#include "base/hash.h"
#include "storage/checkpoint/checkpoint.h"
#include "storage/checkpoint/manifest.h"
#include "storage/file.h"
#include "storage/safetensors/writer.h"

namespace troupe {
namespace {

using nlohmann::json;

std::string shard_name(const std::string& kind, int32_t shard_index, int32_t num_shards) {
  char numbers[64];
  std::snprintf(numbers, sizeof(numbers), "-%05d-of-%05d.safetensors", shard_index + 1, num_shards);
  return kind + numbers;
}

std::vector<TensorInfo> describe(std::span<const TensorView> tensors) {
  std::vector<TensorInfo> infos;
  for (const auto& tensor : tensors)
    infos.push_back({tensor.name, tensor.dtype, tensor.shape, xxh3(tensor.bytes)});
  std::sort(infos.begin(), infos.end(),
            [](const auto& a, const auto& b) { return a.name < b.name; });
  return infos;
}

using Shards = std::vector<const ShardInfo*>;

std::map<std::string, Shards> by_kind(std::span<const ShardInfo> shards) {
  std::map<std::string, Shards> kinds;
  for (const auto& shard : shards) kinds[shard.kind].push_back(&shard);
  for (auto& [kind, list] : kinds)
    std::sort(list.begin(), list.end(),
              [](auto* a, auto* b) { return a->shard_index < b->shard_index; });
  return kinds;
}

// Every shard of a kind once, of the size that was reported, and no tensor twice.
void check_complete(const std::string& dir, const std::string& kind, const Shards& shards) {
  std::set<std::string_view> names;
  for (size_t i = 0; i < shards.size(); ++i) {
    const auto& shard = *shards[i];
    const auto num_shards = static_cast<size_t>(shard.num_shards);
    CHECK(num_shards == shards.size() && shard.shard_index == static_cast<int32_t>(i), dir, kind,
          shard.shard_index, num_shards, shards.size());
    std::error_code error;
    const auto bytes = std::filesystem::file_size(dir + '/' + shard.file, error);
    if (error) throw Error(dir + '/' + shard.file + ": " + error.message());
    CHECK(bytes == shard.bytes, dir, shard.file, bytes, shard.bytes);
    for (const auto& tensor : shard.tensors)
      CHECK(names.insert(tensor.name).second, shard.file, tensor.name);
  }
}

// What transformers reads to find a tensor's file.
std::string make_index(const Shards& shards) {
  json weight_map = json::object();
  uint64_t total = 0;
  for (const auto* shard : shards)
    for (const auto& tensor : shard->tensors) {
      weight_map[tensor.name] = std::filesystem::path(shard->file).filename().string();
      total += static_cast<uint64_t>(num_elements(tensor.shape)) * size_of(tensor.dtype);
    }
  return json{{"metadata", {{"total_size", total}}}, {"weight_map", weight_map}}.dump(1) + '\n';
}

void write_documents(const std::string& dir, const std::map<std::string, std::string>& files) {
  for (const auto* needed : {"config.json", "state.json"})
    if (!files.contains(needed)) throw Error(dir + ": a checkpoint needs a " + needed);
  for (const auto& [file, text] : files) {
    make_folder(std::filesystem::path(dir + '/' + file).parent_path().string());
    write_file(dir + '/' + file, text, false);
  }
}

// Shards were synced by their writers; the rest is here, and so are the names of all.
void sync_rest(const std::string& dir, std::span<const ShardInfo> shards) {
  std::set<std::string> folders = {dir};
  std::set<std::string> done;
  for (const auto& shard : shards) done.insert(shard.file);
  for (const auto& file : files_under(dir)) {
    if (!done.contains(file)) sync_to_disk(dir + '/' + file);
    folders.insert(std::filesystem::path(dir + '/' + file).parent_path().string());
  }
  for (const auto& folder : folders) sync_to_disk(folder);
}

}  // namespace

std::string checkpoint_folder(const std::string& run_dir, int64_t step) {
  char name[32];
  std::snprintf(name, sizeof(name), "step-%06lld", static_cast<long long>(step));
  return run_dir + "/checkpoints/" + name;
}

std::string partial_folder(const std::string& final_dir) {
  return final_dir + ".partial";
}

std::string begin_checkpoint(const std::string& final_dir) {
  auto partial = partial_folder(final_dir);
  make_empty_folder(partial);
  return partial;
}

ShardInfo write_shard(const std::string& partial_dir, const std::string& kind, int32_t shard_index,
                      int32_t num_shards, std::span<const TensorView> tensors) {
  CHECK(0 <= shard_index && shard_index < num_shards, kind, shard_index, num_shards);
  ShardInfo shard{kind, shard_index, num_shards, shard_name(kind, shard_index, num_shards)};
  const auto path = partial_dir + '/' + shard.file;
  make_folder(std::filesystem::path(path).parent_path().string());
  shard.xxh3 = write_safetensors(path, tensors, true);
  shard.bytes = std::filesystem::file_size(path);
  shard.tensors = describe(tensors);
  return shard;
}

void commit_checkpoint(const std::string& partial_dir, const std::string& final_dir,
                       std::span<const ShardInfo> shards,
                       const std::map<std::string, std::string>& files, const json& numerics) {
  if (std::filesystem::exists(final_dir))
    throw Error(final_dir + ": this checkpoint exists already");
  const auto kinds = by_kind(shards);
  for (const auto& [kind, list] : kinds) check_complete(partial_dir, kind, list);
  write_documents(partial_dir, files);
  for (const auto& [kind, list] : kinds)
    write_file(partial_dir + '/' + kind + ".safetensors.index.json", make_index(list), false);
  const auto manifest = make_manifest(partial_dir, shards, numerics);
  write_file(partial_dir + "/manifest.json", manifest.dump(1) + '\n', false);
  sync_rest(partial_dir, shards);
  rename_durably(partial_dir, final_dir);
}

}  // namespace troupe
