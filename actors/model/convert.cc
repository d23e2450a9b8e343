#include "actors/model/convert.h"

#include <cstdio>
#include <filesystem>
#include <vector>

#include "actors/model/loaded_model.h"
#include "base/error.h"
#include "storage/file.h"
#include "storage/safetensors/writer.h"
#include "text/tokenizer_json.h"

namespace troupe {
namespace {

using nlohmann::json;
namespace fs = std::filesystem;
using Shard = std::vector<TensorHeader>;

// Tensors in the order of their names, cut before a file would grow past the limit.
std::vector<Shard> plan_shards(const ModelSource& source, const ConvertOptions& options) {
  std::vector<Shard> shards(1);
  uint64_t bytes = 0;
  for (const auto& name : source.weight_names()) {
    const auto size =
        static_cast<uint64_t>(num_elements(source.shape(name))) * size_of(options.dtype);
    if (bytes + size > options.max_shard_bytes && !shards.back().empty()) {
      shards.emplace_back();
      bytes = 0;
    }
    shards.back().push_back({name, options.dtype, source.shape(name)});
    bytes += size;
  }
  return shards;
}

std::string file_name(size_t shard, size_t count) {
  if (count == 1) return "model.safetensors";
  char name[64];
  std::snprintf(name, sizeof(name), "model-%05zu-of-%05zu.safetensors", shard + 1, count);
  return name;
}

uint64_t write_shard_file(const ModelSource& source, const Shard& shard, const std::string& path) {
  SafetensorsWriter writer(path, shard);
  for (const auto& tensor : writer.order()) {
    const auto values = source.read_f32(tensor.name);
    if (tensor.dtype == DType::f32) {
      writer.append(std::as_bytes(std::span(values)));
      continue;
    }
    std::vector<Bf16> rounded;
    rounded.reserve(values.size());
    for (float value : values) rounded.push_back(to_bf16(value));
    writer.append(std::as_bytes(std::span(rounded)));
  }
  writer.finish(true);
  return writer.bytes_written();
}

json make_index(const std::vector<Shard>& shards) {
  json index = {{"weight_map", json::object()}};
  uint64_t total = 0;
  for (size_t i = 0; i < shards.size(); ++i)
    for (const auto& tensor : shards[i]) {
      index["weight_map"][tensor.name] = file_name(i, shards.size());
      total += static_cast<uint64_t>(num_elements(tensor.shape)) * size_of(tensor.dtype);
    }
  index["metadata"]["total_size"] = total;
  return index;
}

void write_json(const std::string& path, const json& value) {
  write_file(path, value.dump(2) + '\n', true);
}

void write_documents(const ModelSource& source, const std::string& folder, DType dtype) {
  auto config = source.config();
  config[config.contains("dtype") ? "dtype" : "torch_dtype"] =
      dtype == DType::f32 ? "float32" : "bfloat16";
  write_json(folder + "/config.json", config);
  if (!source.generation_config().empty())
    write_json(folder + "/generation_config.json", source.generation_config());
  if (const auto tokenizer = source.tokenizer()) write_tokenizer_json(*tokenizer, folder);
}

// Whole and of one shape, or an Error before anything is written.
std::shared_ptr<const ModelSource> open_whole(const std::string& path) {
  const auto config = ModelSource::open(path).config();
  const auto architectures = config.value("architectures", json::array()).dump();
  const bool is_scalar = architectures.find("ForSequenceClassification") != architectures.npos;
  return load_model(path, is_scalar ? Head::value : Head::log_prob).source;
}

ConvertResult write_folder(const ModelSource& source, const std::string& folder,
                           const ConvertOptions& options) {
  make_empty_folder(folder);
  const auto shards = plan_shards(source, options);
  ConvertResult result{static_cast<int64_t>(source.weight_names().size()),
                       static_cast<int64_t>(shards.size())};
  for (size_t i = 0; i < shards.size(); ++i)
    result.bytes += write_shard_file(source, shards[i], folder + '/' + file_name(i, shards.size()));
  if (shards.size() > 1) write_json(folder + "/model.safetensors.index.json", make_index(shards));
  write_documents(source, folder, options.dtype);
  sync_to_disk(folder);
  return result;
}

}  // namespace

ConvertResult convert_model(const std::string& source_path, const std::string& destination,
                            const ConvertOptions& options) {
  CHECK(options.dtype == DType::f32 || options.dtype == DType::bf16, name_of(options.dtype));
  const auto source = open_whole(source_path);
  if (fs::exists(destination) && !(fs::is_directory(destination) && fs::is_empty(destination)))
    throw Error(destination + ": is there already; name a folder that is not");
  const auto target = fs::path(destination + '/').lexically_normal().parent_path().string();
  const auto partial = target + ".partial";
  try {
    const auto result = write_folder(*source, partial, options);
    rename_durably(partial, target);
    return result;
  } catch (...) {
    std::error_code ignored;  // the first error is the one to tell
    fs::remove_all(partial, ignored);
    throw;
  }
}

}  // namespace troupe
