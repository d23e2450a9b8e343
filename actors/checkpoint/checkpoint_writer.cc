#include "actors/checkpoint/checkpoint_writer.h"

#include "actors/checkpoint/shard_json.h"
#include "storage/checkpoint/checkpoint.h"

namespace troupe {
namespace {

ShardsWritten write(const WriteShards& work) {
  ShardsWritten written;
  for (const auto& shard : work.shards) {
    std::vector<TensorView> views;
    for (const auto& [name, tensor] : shard.tensors)
      views.push_back({name, tensor.dtype, tensor.shape, tensor.bytes()});
    written.shards.push_back(
        to_json(write_shard(work.folder, shard.kind, shard.shard_index, shard.num_shards, views)));
  }
  return written;
}

}  // namespace

CheckpointWriter::behavior_type checkpoint_writer(
    Traced<CheckpointWriter, CheckpointWriterState>* self, std::string address) {
  self->state.name = std::move(address);
  return {[](const WriteShards& work) { return answer([&] { return write(work); }); }};
}

}  // namespace troupe
