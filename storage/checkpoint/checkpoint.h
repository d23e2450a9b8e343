// A step of a run on disk: a Hugging Face folder plus optimizer, state and a manifest of checksums.
// It is written to <dir>.partial/, made durable and renamed, so it exists whole or not at all. Many
// processes write shards; one of them commits.
#pragma once

#include <cstdint>
#include <map>
#include <nlohmann/json.hpp>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "storage/safetensors/tensor.h"

namespace troupe {

struct TensorInfo {
  std::string name;
  DType dtype = DType::f32;
  Shape shape;
  uint64_t xxh3 = 0;
};

// What a writer tells the one that commits. Plain data, fit for a message.
struct ShardInfo {
  std::string kind;
  int32_t shard_index = 0;
  int32_t num_shards = 1;
  std::string file;  // inside the checkpoint's folder
  uint64_t bytes = 0;
  uint64_t xxh3 = 0;
  std::vector<TensorInfo> tensors;  // sorted by name
};

std::string checkpoint_folder(const std::string& run_dir, int64_t step);  // .../step-000120
std::string partial_folder(const std::string& final_dir);                 // <final_dir>.partial

// Makes an empty <final_dir>.partial, throwing away one that a crash left; returns its path.
std::string begin_checkpoint(const std::string& final_dir);

// Writes and syncs <kind>-0000k-of-0000n.safetensors with k = shard_index + 1. `kind` is "model",
// "optimizer" (names <weight>/moment1_0, <weight>/moment2_0) or "master_weights" (f32, only beside
// a bf16 model); another role's has its folder before it: "critic/model". Throws an Error with the
// path and errno's text when the disk is full or the folder cannot be written.
ShardInfo write_shard(const std::string& partial_dir, const std::string& kind, int32_t shard_index,
                      int32_t num_shards, std::span<const TensorView> tensors);

// Checks that `shards` are complete, writes `files` (path in the folder → content; "config.json"
// and "state.json" must be among them), an index per kind and manifest.json, makes all durable, and
// renames. Other files lying in partial_dir (a tokenizer) are taken in. Throws, and leaves
// final_dir's neighbours as they are, when anything is amiss or final_dir exists.
void commit_checkpoint(const std::string& partial_dir, const std::string& final_dir,
                       std::span<const ShardInfo> shards,
                       const std::map<std::string, std::string>& files,
                       const nlohmann::json& numerics = nlohmann::json::object());

struct CheckpointSize {
  int64_t files = 0;
  int64_t tensors = 0;
  uint64_t bytes = 0;
};

// Hashes everything again. Throws an Error that names the first tensor or file that is missing,
// flipped or not in the manifest.
CheckpointSize verify_checkpoint(const std::string& dir);

// SHA-256 over the logical tensors sorted by name: the name's bytes, then the raw little-endian
// ones. 64 lower-case hexadecimal digits.
std::string model_hash(std::span<const TensorView> tensors);
std::string model_hash(const std::string& dir);  // of the model in a folder

// The committed checkpoint of the highest step; none yet is an ordinary answer.
std::optional<std::string> latest_checkpoint(const std::string& run_dir);

}  // namespace troupe
