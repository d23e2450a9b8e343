#include "graph/models/llama_config.h"

#include <nlohmann/json.hpp>

#include "base/error.h"
#include "kernels/elementwise/rope_frequencies.h"

namespace troupe {
namespace {

using nlohmann::json;

template <class T>
T field(const json& config, const std::string& name) {
  if (!config.contains(name)) throw Error("config.json has no \"" + name + "\"");
  try {
    return config.at(name).get<T>();
  } catch (const json::exception&) {
    throw Error("config.json: \"" + name + "\" is " + config.at(name).dump());
  }
}

template <class T>
T field_or(const json& config, const std::string& name, T otherwise) {
  if (!config.contains(name) || config.at(name).is_null()) return otherwise;
  return field<T>(config, name);
}

std::vector<float> inverse_frequencies(const json& config, int head_dim) {
  json rope = json::object();
  for (const char* key : {"rope_scaling", "rope_parameters"})
    if (config.contains(key) && config.at(key).is_object()) rope = config.at(key);
  const double theta = field_or(rope, "rope_theta", field_or(config, "rope_theta", 10000.0));
  const auto type =
      field_or<std::string>(rope, "rope_type", field_or<std::string>(rope, "type", "default"));
  CHECK(theta > 0, theta);
  if (type == "default") return default_rope_frequencies(head_dim, theta);
  const auto factor = field<double>(rope, "factor");
  CHECK(factor > 0, factor);
  if (type == "linear") return linear_rope_frequencies(head_dim, theta, factor);
  if (type != "llama3")
    throw Error("config.json: rope_type \"" + type +
                "\" is not supported; known: default, linear, llama3");
  return llama3_rope_frequencies(
      head_dim, theta,
      {factor, field<double>(rope, "low_freq_factor"), field<double>(rope, "high_freq_factor"),
       field<double>(rope, "original_max_position_embeddings")});
}

void check_range(const char* name, int64_t value, int64_t most) {
  if (value < 1 || value > most)
    throw Error(std::string("config.json: ") + name + " is " + std::to_string(value) +
                ": expected 1 to " + std::to_string(most));
}

void check(const LlamaConfig& c) {
  check_range("hidden_size", c.hidden_size, 1 << 20);
  check_range("intermediate_size", c.intermediate_size, 1 << 22);
  check_range("vocab_size", c.vocab_size, 1 << 24);
  check_range("num_hidden_layers", c.num_hidden_layers, 4096);
  check_range("num_key_value_heads", c.num_key_value_heads, c.num_attention_heads);
  check_range("max_position_embeddings", c.max_position_embeddings, INT32_MAX);
  if (c.num_attention_heads % c.num_key_value_heads != 0)
    throw Error("config.json: num_attention_heads is " + std::to_string(c.num_attention_heads) +
                ": expected a multiple of num_key_value_heads, " +
                std::to_string(c.num_key_value_heads));
  if (c.head_dim < 2 || c.head_dim > 256 || c.head_dim % 2 != 0)
    throw Error("config.json: head_dim is " + std::to_string(c.head_dim) +
                ": expected an even number from 2 to 256");
}

}  // namespace

LlamaConfig llama_config(const json& config) {
  const auto model_type = field_or<std::string>(config, "model_type", "llama");
  if (model_type != "llama")
    throw Error("config.json: model_type \"" + model_type + "\" is not supported; known: llama");
  const auto activation = field_or<std::string>(config, "hidden_act", "silu");
  if (activation != "silu")
    throw Error("config.json: hidden_act \"" + activation + "\" is not supported; known: silu");
  LlamaConfig c;
  c.hidden_size = field<int64_t>(config, "hidden_size");
  c.intermediate_size = field<int64_t>(config, "intermediate_size");
  c.vocab_size = field<int64_t>(config, "vocab_size");
  c.max_position_embeddings = field_or<int64_t>(config, "max_position_embeddings", 2048);
  c.num_hidden_layers = field<int>(config, "num_hidden_layers");
  c.num_attention_heads = field<int>(config, "num_attention_heads");
  c.num_key_value_heads = field_or(config, "num_key_value_heads", c.num_attention_heads);
  check_range("num_attention_heads", c.num_attention_heads, 1 << 16);
  c.head_dim =
      field_or(config, "head_dim", static_cast<int>(c.hidden_size / c.num_attention_heads));
  c.rms_norm_eps = field_or(config, "rms_norm_eps", 1e-6f);
  c.tie_word_embeddings = field_or(config, "tie_word_embeddings", false);
  c.attention_bias = field_or(config, "attention_bias", false);
  c.mlp_bias = field_or(config, "mlp_bias", false);
  check(c);
  c.inverse_frequencies =
      std::make_shared<const std::vector<float>>(inverse_frequencies(config, c.head_dim));
  return c;
}

}  // namespace troupe
