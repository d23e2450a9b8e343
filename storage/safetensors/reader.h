// Reads safetensors: 8 bytes of header length, a JSON header, and the tensors without gaps.
// Nothing in a file is believed unchecked.
#pragma once

#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "storage/mapped_file.h"
#include "storage/safetensors/tensor.h"

namespace troupe {

class SafetensorsFile {
 public:
  explicit SafetensorsFile(const std::string& path);

  const std::string& path() const { return file_.path(); }
  std::span<const std::byte> bytes() const { return file_.bytes(); }   // of the whole file
  const std::vector<TensorView>& tensors() const { return tensors_; }  // sorted by name
  const std::map<std::string, std::string>& metadata() const { return metadata_; }

 private:
  MappedFile file_;
  std::vector<TensorView> tensors_;
  std::map<std::string, std::string> metadata_;
};

// A folder's <kind>.safetensors, or the shards that <kind>.safetensors.index.json names.
class SafetensorsFolder {
 public:
  explicit SafetensorsFolder(const std::string& folder, const std::string& kind = "model");

  const std::vector<TensorView>& tensors() const { return tensors_; }  // sorted by name
  const TensorView* find(std::string_view name) const;                 // nullptr: not there
  const TensorView& at(std::string_view name) const;                   // throws, naming it

 private:
  std::string folder_;
  std::vector<SafetensorsFile> files_;
  std::vector<TensorView> tensors_;
};

bool has_safetensors(const std::string& folder, const std::string& kind = "model");

}  // namespace troupe
