#include <algorithm>
#include <charconv>
#include <filesystem>
#include <set>

#include "base/error.h"
#include "base/hash.h"
#include "storage/checkpoint/checkpoint.h"
#include "storage/checkpoint/manifest.h"
#include "storage/mapped_file.h"
#include "storage/safetensors/reader.h"

namespace troupe {
namespace {

using nlohmann::json;

void expect_hash(std::span<const std::byte> bytes, const json& expected, const std::string& what) {
  if (const auto found = to_hex(xxh3(bytes)); found != expected)
    throw Error(what + ": xxh3 is " + found + ", the manifest says " + expected.dump());
}

void verify_tensors(const std::string& path, const json& hashes) {
  const SafetensorsFile file(path);
  std::set<std::string> left;
  for (const auto& [name, hash] : hashes.items()) left.insert(name);
  for (const auto& tensor : file.tensors()) {
    const auto what = path + ": tensor " + tensor.name;
    if (left.erase(tensor.name) == 0) throw Error(what + ": not in the manifest");
    expect_hash(tensor.bytes, hashes[tensor.name], what);
  }
  if (!left.empty()) throw Error(path + ": tensor " + *left.begin() + ": missing");
}

void verify_file(const std::string& path, const json& entry, CheckpointSize& size) {
  const MappedFile file(path);
  if (json(file.bytes().size()) != entry["bytes"])
    throw Error(path + ": has " + std::to_string(file.bytes().size()) +
                " bytes, the manifest says " + entry["bytes"].dump());
  if (entry.contains("tensors")) verify_tensors(path, entry["tensors"]);
  expect_hash(file.bytes(), entry["xxh3"], path);
  size.files += 1;
  size.bytes += file.bytes().size();
  size.tensors += static_cast<int64_t>(entry.value("tensors", json::object()).size());
}

// The number of "step-000120"; -1 for anything else, "step-000120.partial" included.
int64_t step_of(const std::string& name) {
  if (!name.starts_with("step-")) return -1;
  int64_t step = -1;
  const char* end = name.data() + name.size();
  const auto result = std::from_chars(name.data() + 5, end, step);
  return result.ec == std::errc() && result.ptr == end ? step : -1;
}

}  // namespace

CheckpointSize verify_checkpoint(const std::string& dir) {
  const auto manifest = read_manifest(dir);
  const auto& files = manifest["files"];
  CheckpointSize size;
  for (const auto& [name, entry] : files.items()) verify_file(dir + '/' + name, entry, size);
  for (const auto& name : files_under(dir))
    if (name != "manifest.json" && !files.contains(name))
      throw Error(dir + '/' + name + ": not in the manifest");
  return size;
}

std::string model_hash(std::span<const TensorView> tensors) {
  std::vector<const TensorView*> sorted;
  for (const auto& tensor : tensors) sorted.push_back(&tensor);
  std::sort(sorted.begin(), sorted.end(), [](auto* a, auto* b) { return a->name < b->name; });
  Sha256 hash;
  for (const auto* tensor : sorted) {
    hash.add(tensor->name);
    hash.add(tensor->bytes);
  }
  return hash.finish();
}

std::string model_hash(const std::string& dir) {
  return model_hash(SafetensorsFolder(dir).tensors());
}

std::optional<std::string> latest_checkpoint(const std::string& run_dir) {
  std::error_code missing;
  int64_t latest = -1;
  for (const auto& entry : std::filesystem::directory_iterator(run_dir + "/checkpoints", missing))
    if (std::filesystem::exists(entry.path() / "manifest.json"))
      latest = std::max(latest, step_of(entry.path().filename().string()));
  if (latest < 0) return std::nullopt;
  return checkpoint_folder(run_dir, latest);
}

}  // namespace troupe
