// A small model with random weights, for tests of graphs, stages and generators.
#pragma once

#include <memory>

#include "graph/models/initial_weights.h"
#include "graph/models/llama.h"
#include "kernels/elementwise/rope_frequencies.h"

namespace troupe {

inline LlamaConfig tiny_llama_config(bool tied = true) {
  LlamaConfig config;
  config.hidden_size = 32;
  config.intermediate_size = 48;
  config.vocab_size = 40;
  config.max_position_embeddings = 256;
  config.num_hidden_layers = 3;
  config.num_attention_heads = 4;
  config.num_key_value_heads = 2;
  config.head_dim = 8;
  config.tie_word_embeddings = tied;
  config.inverse_frequencies =
      std::make_shared<const std::vector<float>>(default_rope_frequencies(8, 10000.0));
  return config;
}

// Larger than a new model's, so that distributions are far from uniform.
inline WeightReader lively_weights(const LlamaConfig& config) {
  return [reader = initial_weights(config, 7)](const std::string& name, std::span<float> values) {
    reader(name, values);
    if (!name.ends_with("norm.weight"))
      for (float& value : values) value *= name.ends_with("embed_tokens.weight") ? 20.0f : 2.0f;
  };
}

inline std::vector<int32_t> some_ids(int count, int salt) {
  std::vector<int32_t> ids;
  for (int i = 0; i < count; ++i) ids.push_back((i * 7 + salt * 13 + i * i) % 40);
  return ids;
}

}  // namespace troupe
