// A Llama-architecture model's config, under HF's field names.
#pragma once

#include <cstdint>
#include <memory>
#include <nlohmann/json_fwd.hpp>
#include <string>
#include <vector>

namespace troupe {

struct LlamaConfig {
  int64_t hidden_size = 0;
  int64_t intermediate_size = 0;
  int64_t vocab_size = 0;
  int64_t max_position_embeddings = 0;
  int num_hidden_layers = 0;
  int num_attention_heads = 0;
  int num_key_value_heads = 0;
  int head_dim = 0;
  float rms_norm_eps = 1e-5f;
  bool tie_word_embeddings = false;
  bool attention_bias = false;
  bool mlp_bias = false;
  std::shared_ptr<const std::vector<float>> inverse_frequencies;  // [head_dim / 2], scaling applied
};

// Reads HF's config.json, with rope in the keys of transformers 4 (rope_theta, rope_scaling) or 5
// (rope_parameters). Throws an Error that names a missing, unsupported or impossible field.
LlamaConfig llama_config(const nlohmann::json& config);

}  // namespace troupe
