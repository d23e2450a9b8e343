#include "actors/checkpoint/shard_json.h"

#include <nlohmann/json.hpp>

#include "base/error.h"

namespace troupe {

using nlohmann::json;

std::string to_json(const ShardInfo& shard) {
  json tensors = json::array();
  for (const auto& tensor : shard.tensors)
    tensors.push_back({{"name", tensor.name},
                       {"dtype", name_of(tensor.dtype)},
                       {"shape", tensor.shape},
                       {"xxh3", tensor.xxh3}});
  return json{{"kind", shard.kind},
              {"shard_index", shard.shard_index},
              {"num_shards", shard.num_shards},
              {"file", shard.file},
              {"bytes", shard.bytes},
              {"xxh3", shard.xxh3},
              {"tensors", tensors}}
      .dump();
}

ShardInfo shard_from_json(const std::string& text) {
  try {
    const json parsed = json::parse(text);
    ShardInfo shard;
    parsed.at("kind").get_to(shard.kind);
    parsed.at("shard_index").get_to(shard.shard_index);
    parsed.at("num_shards").get_to(shard.num_shards);
    parsed.at("file").get_to(shard.file);
    parsed.at("bytes").get_to(shard.bytes);
    parsed.at("xxh3").get_to(shard.xxh3);
    for (const auto& tensor : parsed.at("tensors"))
      shard.tensors.push_back({tensor.at("name"),
                               dtype_from_name(tensor.at("dtype").get<std::string>()),
                               tensor.at("shape"), tensor.at("xxh3")});
    return shard;
  } catch (const json::exception& e) {
    throw Error(std::string("a shard's description is malformed: ") + e.what());
  }
}

}  // namespace troupe
