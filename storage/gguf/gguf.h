// Reads GGUF, llama.cpp's model file: metadata, tensor descriptions, and blocks of numbers. The
// format: ggml's docs/gguf.md, versions 2 and 3. Nothing in a file is believed unchecked.
#pragma once

#include <cstddef>
#include <nlohmann/json.hpp>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/block_type.h"
#include "base/json_reason.h"
#include "base/shape.h"
#include "storage/mapped_file.h"

namespace troupe {

struct GgufTensor {
  std::string name;  // llama.cpp's: "blk.0.attn_q.weight"
  BlockType type = BlockType::f32;
  Shape shape;  // outermost dim first, as everywhere in troupe; GGUF writes it the other way round
  std::span<const std::byte> bytes;
};

class GgufFile {
 public:
  // Throws on a file that is truncated, overlaps itself, or has a tensor type that we do not read.
  explicit GgufFile(const std::string& path);

  const std::string& path() const { return file_.path(); }
  int version() const { return version_; }
  const nlohmann::json& metadata() const { return metadata_; }         // an object: key → value
  const std::vector<GgufTensor>& tensors() const { return tensors_; }  // in file order
  const GgufTensor* find(std::string_view name) const;                 // nullptr: not there

  // The value at `key`, or `otherwise` where there is none; throws, naming the key, on another
  // type.
  template <class T>
  T get(const std::string& key, T otherwise) const {
    return metadata_.contains(key) ? get<T>(key) : otherwise;
  }
  template <class T>
  T get(const std::string& key) const;

 private:
  [[noreturn]] void refuse(const std::string& key, const std::string& why) const;

  MappedFile file_;
  int version_ = 0;
  nlohmann::json metadata_ = nlohmann::json::object();
  std::vector<GgufTensor> tensors_;
};

template <class T>
T GgufFile::get(const std::string& key) const {
  if (!metadata_.contains(key)) refuse(key, "is missing");
  try {
    return metadata_[key].get<T>();
  } catch (const nlohmann::json::exception& e) {
    refuse(key, json_reason(e));
  }
}

}  // namespace troupe
