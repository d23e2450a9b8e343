// Where a model comes from: a GGUF file, a Hugging Face folder or a checkpoint of ours, all seen
// alike: HF's config, HF's weight names, numbers as f32, and a tokenizer. In actors/ because it
// joins storage, text and kernels.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <nlohmann/json.hpp>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "base/block_type.h"
#include "base/shape.h"
#include "text/tokenizer_spec.h"

namespace troupe {

// A weight as it lies in its file.
struct ModelWeight {
  BlockType type = BlockType::f32;
  Shape shape;
  std::span<const std::byte> bytes;
  // llama.cpp keeps the rows of q and k pairwise for its rotary embedding: in each of so many
  // heads, row 2 i + half of the file is HF's row half * head_dim / 2 + i. 0: rows lie as HF has
  // them.
  int64_t interleaved_heads = 0;
};

class ModelSource {
 public:
  // Throws an Error naming the file, key or weight that is missing, wrong or not supported.
  static ModelSource open(const std::string& path);

  const std::string& path() const { return path_; }
  const nlohmann::json& config() const { return config_; }                        // config.json
  const nlohmann::json& generation_config() const { return generation_config_; }  // may be {}

  // The ids that end a response: generation_config's, else config's. May be empty.
  std::vector<int32_t> eos_token_ids() const;
  // Read anew on each call; nothing where the model has no tokenizer. Holds the chat template.
  std::optional<TokenizerSpec> tokenizer() const;

  // HF's names, sorted. Without lm_head.weight where the config ties it to the embedding.
  std::vector<std::string> weight_names() const;
  bool has(const std::string& name) const { return weights_.contains(name); }
  const ModelWeight& weight(const std::string& name) const;
  const Shape& shape(const std::string& name) const { return weight(name).shape; }
  // All of a weight, row-major, exact: f16, bf16 and blocks are widened. out.size() elements.
  void read_f32(const std::string& name, std::span<float> out) const;
  std::vector<float> read_f32(const std::string& name) const;
  // A weight's bytes as they lie in the file, of its own type, with rows as HF has them.
  std::vector<std::byte> read_blocks(const std::string& name) const;

  // Throws, naming the first weight that is missing, of another shape, or not among `expected`.
  void check_weights(const std::map<std::string, Shape>& expected) const;

 private:
  std::string path_;
  std::shared_ptr<const void> files_;  // keeps the mapped bytes that weights_ look into
  nlohmann::json config_;
  nlohmann::json generation_config_ = nlohmann::json::object();
  std::map<std::string, ModelWeight> weights_;
  std::function<std::optional<TokenizerSpec>()> read_tokenizer_;

  void open_gguf();
  void open_folder();
};

}  // namespace troupe
