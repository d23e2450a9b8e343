#include "storage/safetensors/reader.h"

#include <algorithm>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <set>

#include "base/error.h"
#include "storage/file.h"
#include "storage/safetensors/header.h"

namespace troupe {
namespace {

using nlohmann::json;

std::string single_file(const std::string& folder, const std::string& kind) {
  return folder + '/' + kind + ".safetensors";
}

std::string index_file(const std::string& folder, const std::string& kind) {
  return single_file(folder, kind) + ".index.json";
}

// Tensor name → file name, which may not lead out of the folder.
std::map<std::string, std::string> read_weight_map(const std::string& path) {
  const json index = read_json_file(path);
  if (!index.is_object() || !index.contains("weight_map") || !index["weight_map"].is_object())
    throw Error(path + ": expected an object \"weight_map\"");
  std::map<std::string, std::string> files;
  for (const auto& [name, file] : index["weight_map"].items()) {
    if (!file.is_string()) throw Error(path + ": \"" + name + "\": expected a file name");
    files[name] = file.get<std::string>();
    if (files[name].empty() || files[name].find('/') != std::string::npos)
      throw Error(path + ": \"" + name + "\": expected a file name, found \"" + files[name] + '"');
  }
  return files;
}

void check_against_index(const std::map<std::string, std::string>& weight_map,
                         const std::vector<SafetensorsFile>& files, const std::string& index) {
  std::map<std::string, std::string> found;
  for (const auto& file : files)
    for (const auto& tensor : file.tensors()) {
      const auto name = std::filesystem::path(file.path()).filename().string();
      const auto [there, is_new] = found.emplace(tensor.name, name);
      if (!is_new)
        throw Error("tensor " + tensor.name + " is both in " + there->second + " and in " + name);
    }
  for (const auto& [name, file] : weight_map)
    if (auto there = found.find(name); there == found.end() || there->second != file)
      throw Error(index + ": tensor " + name + " is not in " + file);
  for (const auto& [name, file] : found)
    if (!weight_map.contains(name))
      throw Error(index + ": tensor " + name + " of " + file + " is missing");
}

bool by_name(const TensorView& a, const TensorView& b) {
  return a.name < b.name;
}

}  // namespace

SafetensorsFile::SafetensorsFile(const std::string& path) : file_(path) {
  auto header = parse_safetensors_header(path, file_.bytes());
  tensors_ = std::move(header.tensors);
  metadata_ = std::move(header.metadata);
  std::sort(tensors_.begin(), tensors_.end(), by_name);
}

SafetensorsFolder::SafetensorsFolder(const std::string& folder, const std::string& kind)
    : folder_(folder) {
  const auto index = index_file(folder, kind);
  if (std::filesystem::exists(index)) {
    const auto weight_map = read_weight_map(index);
    std::set<std::string> names;
    for (const auto& [tensor, file] : weight_map) names.insert(file);
    for (const auto& name : names) files_.emplace_back(folder + '/' + name);
    check_against_index(weight_map, files_, index);
  } else {
    files_.emplace_back(single_file(folder, kind));
  }
  for (const auto& file : files_)
    tensors_.insert(tensors_.end(), file.tensors().begin(), file.tensors().end());
  std::sort(tensors_.begin(), tensors_.end(), by_name);
}

const TensorView* SafetensorsFolder::find(std::string_view name) const {
  const auto place =
      std::lower_bound(tensors_.begin(), tensors_.end(), name,
                       [](const auto& tensor, auto key) { return tensor.name < key; });
  return place == tensors_.end() || place->name != name ? nullptr : &*place;
}

const TensorView& SafetensorsFolder::at(std::string_view name) const {
  const auto* tensor = find(name);
  if (!tensor) throw Error(folder_ + ": there is no tensor " + std::string(name));
  return *tensor;
}

bool has_safetensors(const std::string& folder, const std::string& kind) {
  return std::filesystem::exists(index_file(folder, kind)) ||
         std::filesystem::exists(single_file(folder, kind));
}

}  // namespace troupe
