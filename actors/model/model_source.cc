#include "actors/model/model_source.h"

#include <algorithm>
#include <filesystem>

#include "actors/model/gguf_llama.h"
#include "base/error.h"
#include "kernels/quantize/dequantize.h"
#include "storage/file.h"
#include "storage/gguf/gguf.h"
#include "storage/safetensors/reader.h"
#include "text/gguf_tokenizer.h"
#include "text/tokenizer_json.h"

namespace troupe {
namespace {

using nlohmann::json;
namespace fs = std::filesystem;

// Buffers that old checkpoints hold and that are computed, not learned.
bool is_computed(const std::string& name) {
  return name.ends_with(".rotary_emb.inv_freq");
}

std::map<std::string, ModelWeight> weights_of(const SafetensorsFolder& folder,
                                              const std::string& path) {
  std::map<std::string, ModelWeight> weights;
  for (const auto& tensor : folder.tensors())
    if (!is_computed(tensor.name))
      weights[tensor.name] = with_context("reading " + tensor.name + " of " + path, [&] {
        return ModelWeight{block_type_of(tensor.dtype), tensor.shape, tensor.bytes};
      });
  return weights;
}

// eos_token_id is a number, a list of numbers, or null.
std::vector<int32_t> eos_ids_of(const json& config, const std::string& path) {
  const auto value = config.value("eos_token_id", json());
  if (value.is_null()) return {};
  try {
    return value.is_array() ? value.get<std::vector<int32_t>>() : std::vector{value.get<int32_t>()};
  } catch (const json::exception& e) {
    throw Error(path + ": eos_token_id is " + value.dump() +
                ": expected a number or a list of numbers");
  }
}

// The source of HF's row, where each head's rows lie pairwise.
int64_t interleaved_row(int64_t row, int64_t head_dim) {
  const int64_t in_head = row % head_dim;
  const int64_t half = in_head / (head_dim / 2);
  return row - in_head + 2 * (in_head % (head_dim / 2)) + half;
}

// A folder that holds one GGUF file and no config stands for that file.
std::string resolve(const std::string& path) {
  if (!fs::exists(path))
    throw UsageError("there is no model at " + path +
                     "\n  expected a GGUF file, a Hugging Face folder or a checkpoint");
  if (!fs::is_directory(path) || fs::exists(path + "/config.json")) return path;
  std::vector<std::string> found;
  for (const auto& entry : fs::directory_iterator(path))
    if (entry.path().extension() == ".gguf") found.push_back(entry.path().string());
  if (found.size() != 1)
    throw Error(path + ": expected a config.json or one .gguf file, found " +
                std::to_string(found.size()) + " .gguf files");
  return found[0];
}

}  // namespace

ModelSource ModelSource::open(const std::string& path) {
  ModelSource source;
  source.path_ = resolve(path);
  if (fs::is_directory(source.path_))
    source.open_folder();
  else
    source.open_gguf();
  return source;
}

void ModelSource::open_folder() {
  config_ = read_json_file(path_ + "/config.json");
  if (!config_.is_object()) throw Error(path_ + "/config.json: expected a JSON object");
  if (fs::exists(path_ + "/generation_config.json"))
    generation_config_ = read_json_file(path_ + "/generation_config.json");
  if (!has_safetensors(path_))
    throw Error(path_ + ": has no model.safetensors and no index of shards");
  const auto folder = std::make_shared<SafetensorsFolder>(path_);
  weights_ = weights_of(*folder, path_);
  if (config_.value("tie_word_embeddings", json()) == true) weights_.erase("lm_head.weight");
  files_ = folder;
  read_tokenizer_ = [path = path_]() -> std::optional<TokenizerSpec> {
    if (!fs::exists(path + "/tokenizer.json")) return std::nullopt;
    return read_tokenizer_json(path);
  };
}

void ModelSource::open_gguf() {
  const auto file = std::make_shared<GgufFile>(path_);
  config_ = llama_config(*file);
  generation_config_ = llama_generation_config(*file);
  weights_ = llama_weights(*file, config_);
  with_context("opening " + path_, [&] { check_weights(llama_shapes(config_)); });
  files_ = file;
  read_tokenizer_ = [file]() -> std::optional<TokenizerSpec> {
    const auto metadata = gguf_tokenizer_metadata(*file);
    if (metadata.tokens.empty()) return std::nullopt;
    return with_context("reading the tokenizer of " + file->path(),
                        [&] { return tokenizer_spec_from_gguf(metadata); });
  };
}

std::vector<int32_t> ModelSource::eos_token_ids() const {
  auto ids = eos_ids_of(generation_config_, path_);
  return ids.empty() ? eos_ids_of(config_, path_) : ids;
}

std::optional<TokenizerSpec> ModelSource::tokenizer() const {
  return read_tokenizer_();
}

std::vector<std::string> ModelSource::weight_names() const {
  std::vector<std::string> names;
  for (const auto& [name, weight] : weights_) names.push_back(name);
  return names;
}

const ModelWeight& ModelSource::weight(const std::string& name) const {
  const auto place = weights_.find(name);
  if (place == weights_.end())
    throw Error(path_ + ": weight " + name +
                " is missing\n  a file is not there or damaged, or the config is another model's");
  return place->second;
}

void ModelSource::read_f32(const std::string& name, std::span<float> out) const {
  const auto& from = weight(name);
  CHECK(static_cast<int64_t>(out.size()) == num_elements(from.shape), path_, name, out.size(),
        to_string(from.shape));
  if (from.interleaved_heads == 0) return dequantize(from.type, from.bytes, out);
  dequantize(from.type, read_blocks(name), out);
}

std::vector<float> ModelSource::read_f32(const std::string& name) const {
  std::vector<float> out(static_cast<size_t>(num_elements(shape(name))));
  read_f32(name, out);
  return out;
}

std::vector<std::byte> ModelSource::read_blocks(const std::string& name) const {
  const auto& from = weight(name);
  std::vector<std::byte> blocks(from.bytes.begin(), from.bytes.end());
  if (from.interleaved_heads == 0) return blocks;
  const int64_t rows = from.shape[0];
  const size_t row_bytes = blocks.size() / static_cast<size_t>(rows);
  for (int64_t row = 0; row < rows; ++row) {
    const auto source = static_cast<size_t>(interleaved_row(row, rows / from.interleaved_heads));
    std::copy_n(from.bytes.begin() + static_cast<ptrdiff_t>(source * row_bytes), row_bytes,
                blocks.begin() + static_cast<ptrdiff_t>(static_cast<size_t>(row) * row_bytes));
  }
  return blocks;
}

void ModelSource::check_weights(const std::map<std::string, Shape>& expected) const {
  for (const auto& [name, shape] : expected)
    if (const auto& found = weight(name).shape; found != shape)
      throw Error(path_ + ": weight " + name + " has shape " + to_string(found) + ", expected " +
                  to_string(shape));
  for (const auto& [name, weight] : weights_)
    if (!expected.contains(name))
      throw Error(path_ + ": weight " + name + " is unknown to this model");
}

}  // namespace troupe
