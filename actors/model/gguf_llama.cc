#include "actors/model/gguf_llama.h"

#include <array>

#include "actors/model/gguf_rope.h"
#include "base/error.h"

namespace troupe {
namespace {

using nlohmann::json;
using Names = std::pair<std::string_view, std::string_view>;  // llama.cpp's, HF's

constexpr std::array<Names, 3> kNames = {
    {{"token_embd", "model.embed_tokens"}, {"output_norm", "model.norm"}, {"output", "lm_head"}}};
constexpr std::array<Names, 9> kLayerNames = {{{"attn_norm", "input_layernorm"},
                                               {"attn_q", "self_attn.q_proj"},
                                               {"attn_k", "self_attn.k_proj"},
                                               {"attn_v", "self_attn.v_proj"},
                                               {"attn_output", "self_attn.o_proj"},
                                               {"ffn_norm", "post_attention_layernorm"},
                                               {"ffn_gate", "mlp.gate_proj"},
                                               {"ffn_up", "mlp.up_proj"},
                                               {"ffn_down", "mlp.down_proj"}}};
constexpr const char* kRopeFactors = "rope_freqs.weight";

template <size_t N>
std::string look_up(const std::array<Names, N>& names, std::string_view ours) {
  for (const auto& [from, to] : names)
    if (from == ours) return std::string(to);
  return "";
}

// "blk.3.attn_q.weight" → "model.layers.3.self_attn.q_proj.weight"; "" for an unknown name.
std::string hf_name(const std::string& name) {
  const auto dot = name.rfind('.');
  const auto stem = name.substr(0, dot);
  const auto suffix = dot == name.npos ? "" : name.substr(dot);
  if (suffix != ".weight" && suffix != ".bias") return "";
  std::string found = look_up(kNames, stem);
  if (const auto end = stem.find('.', 4); stem.starts_with("blk.") && end != stem.npos) {
    found = look_up(kLayerNames, stem.substr(end + 1));
    if (!found.empty()) found = "model.layers." + stem.substr(4, end - 4) + '.' + found;
  }
  return found.empty() ? "" : found + suffix;
}

int64_t size_at(const GgufFile& file, const std::string& key) {
  const auto value = file.get<int64_t>(key);
  if (value <= 0 || value > INT32_MAX)
    throw Error(file.path() + ": metadata \"" + key + "\" is " + std::to_string(value));
  return value;
}

int64_t vocab_size(const GgufFile& file) {
  if (file.metadata().contains("llama.vocab_size")) return size_at(file, "llama.vocab_size");
  if (const auto* embedding = file.find("token_embd.weight")) return embedding->shape.front();
  throw Error(file.path() + ": tensor token_embd.weight is missing");
}

// Rows of a head; a head that is rotated only in part is not llama's.
int64_t head_dim(const GgufFile& file, int64_t hidden_size, int64_t heads) {
  const auto size = file.get<int64_t>("llama.attention.key_length", hidden_size / heads);
  const auto rotated = file.get<int64_t>("llama.rope.dimension_count", size);
  const auto value = file.get<int64_t>("llama.attention.value_length", size);
  if (size <= 0 || size % 2 != 0 || size > 65536 || rotated != size || value != size)
    throw Error(file.path() + ": head size " + std::to_string(size) + ", of which " +
                std::to_string(rotated) + " rotated, values " + std::to_string(value) +
                ": expected one even number");
  return size;
}

void copy_token_ids(const GgufFile& file, json& config) {
  const auto copy = [&](const std::string& from, const char* to) {
    const auto key = "tokenizer.ggml." + from + "_token_id";
    if (file.metadata().contains(key)) config[to] = file.get<int32_t>(key);
  };
  copy("bos", "bos_token_id");
  copy("eos", "eos_token_id");
  copy("padding", "pad_token_id");
  const auto end_of_turn = file.get<int32_t>("tokenizer.ggml.eot_token_id", -1);
  if (end_of_turn >= 0 && config.value("eos_token_id", -1) != end_of_turn)
    config["eos_token_id"] = config.contains("eos_token_id")
                                 ? json{config["eos_token_id"], end_of_turn}
                                 : json(end_of_turn);
}

template <class T>
std::optional<T> maybe(const GgufFile& file, const std::string& key) {
  if (!file.metadata().contains(key)) return std::nullopt;
  return file.get<T>(key);
}

}  // namespace

json llama_config(const GgufFile& file) {
  const auto architecture = file.get<std::string>("general.architecture");
  if (architecture != "llama")
    throw Error(file.path() + ": architecture \"" + architecture +
                "\" is not supported: expected \"llama\"");
  const auto hidden_size = size_at(file, "llama.embedding_length");
  const auto heads = size_at(file, "llama.attention.head_count");
  const auto layers = size_at(file, "llama.block_count");
  if (layers > static_cast<int64_t>(file.tensors().size()))
    throw Error(file.path() + ": metadata \"llama.block_count\" is " + std::to_string(layers) +
                ", with " + std::to_string(file.tensors().size()) + " tensors");
  const auto* factors = file.find(kRopeFactors);
  json config = {
      {"architectures", {"LlamaForCausalLM"}}, {"model_type", "llama"}, {"hidden_act", "silu"}};
  config["hidden_size"] = hidden_size;
  config["intermediate_size"] = size_at(file, "llama.feed_forward_length");
  config["num_hidden_layers"] = layers;
  config["num_attention_heads"] = heads;
  config["num_key_value_heads"] = file.get<int64_t>("llama.attention.head_count_kv", heads);
  config["head_dim"] = head_dim(file, hidden_size, heads);
  config["max_position_embeddings"] = size_at(file, "llama.context_length");
  config["rms_norm_eps"] = file.get<double>("llama.attention.layer_norm_rms_epsilon");
  config["rope_theta"] = file.get<double>("llama.rope.freq_base", 10000.0);
  config["rope_scaling"] = gguf_rope_scaling(file, factors, config["rope_theta"]);
  config["vocab_size"] = vocab_size(file);
  config["tie_word_embeddings"] = file.find("output.weight") == nullptr;
  config["attention_bias"] = file.find("blk.0.attn_q.bias") != nullptr;
  config["mlp_bias"] = file.find("blk.0.ffn_gate.bias") != nullptr;
  config["torch_dtype"] = "float32";
  copy_token_ids(file, config);
  return config;
}

json llama_generation_config(const GgufFile& file) {
  json config = json::object();
  copy_token_ids(file, config);
  return config;
}

std::map<std::string, ModelWeight> llama_weights(const GgufFile& file, const json& config) {
  std::map<std::string, ModelWeight> weights;
  for (const auto& tensor : file.tensors()) {
    if (tensor.name == kRopeFactors) continue;
    const auto name = hf_name(tensor.name);
    if (name.empty()) throw Error(file.path() + ": tensor " + tensor.name + " is unknown to llama");
    ModelWeight weight{tensor.type, tensor.shape, tensor.bytes};
    if (name.find(".q_proj.") != name.npos)
      weight.interleaved_heads = config["num_attention_heads"];
    if (name.find(".k_proj.") != name.npos)
      weight.interleaved_heads = config["num_key_value_heads"];
    weights[name] = weight;
  }
  return weights;
}

std::map<std::string, Shape> llama_shapes(const json& config) {
  const int64_t hidden = config["hidden_size"], inner = config["intermediate_size"],
                vocab = config["vocab_size"];
  const int64_t query =
      config["num_attention_heads"].get<int64_t>() * config["head_dim"].get<int64_t>();
  const int64_t key =
      config["num_key_value_heads"].get<int64_t>() * config["head_dim"].get<int64_t>();
  std::map<std::string, Shape> shapes = {{"model.embed_tokens.weight", {vocab, hidden}},
                                         {"model.norm.weight", {hidden}}};
  if (!config["tie_word_embeddings"].get<bool>()) shapes["lm_head.weight"] = {vocab, hidden};
  for (int64_t layer = 0; layer < config["num_hidden_layers"]; ++layer) {
    const auto prefix = "model.layers." + std::to_string(layer) + '.';
    const auto linear = [&](const std::string& name, int64_t rows, int64_t columns,
                            const char* bias) {
      shapes[prefix + name + ".weight"] = {rows, columns};
      if (config[bias].get<bool>()) shapes[prefix + name + ".bias"] = {rows};
    };
    linear("self_attn.q_proj", query, hidden, "attention_bias");
    linear("self_attn.k_proj", key, hidden, "attention_bias");
    linear("self_attn.v_proj", key, hidden, "attention_bias");
    linear("self_attn.o_proj", hidden, query, "attention_bias");
    linear("mlp.gate_proj", inner, hidden, "mlp_bias");
    linear("mlp.up_proj", inner, hidden, "mlp_bias");
    linear("mlp.down_proj", hidden, inner, "mlp_bias");
    shapes[prefix + "input_layernorm.weight"] =
        shapes[prefix + "post_attention_layernorm.weight"] = {hidden};
  }
  return shapes;
}

GgufTokenizerMetadata gguf_tokenizer_metadata(const GgufFile& file) {
  const std::string prefix = "tokenizer.ggml.";
  GgufTokenizerMetadata metadata;
  metadata.model = file.get<std::string>(prefix + "model", "");
  metadata.pre = file.get<std::string>(prefix + "pre", "");
  metadata.tokens = file.get<std::vector<std::string>>(prefix + "tokens", {});
  metadata.token_type = file.get<std::vector<int32_t>>(prefix + "token_type", {});
  metadata.merges = file.get<std::vector<std::string>>(prefix + "merges", {});
  metadata.bos_token_id = maybe<int64_t>(file, prefix + "bos_token_id");
  metadata.eos_token_id = maybe<int64_t>(file, prefix + "eos_token_id");
  metadata.eot_token_id = maybe<int64_t>(file, prefix + "eot_token_id");
  metadata.padding_token_id = maybe<int64_t>(file, prefix + "padding_token_id");
  metadata.unknown_token_id = maybe<int64_t>(file, prefix + "unknown_token_id");
  metadata.add_bos_token = maybe<bool>(file, prefix + "add_bos_token");
  metadata.chat_template = file.get<std::string>("tokenizer.chat_template", "");
  return metadata;
}

}  // namespace troupe
