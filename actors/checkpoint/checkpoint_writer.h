// Writes a node's share of a checkpoint while training goes on: it holds copies of the weights, so
// nobody waits for the disk but the coordinator that will commit.
#pragma once

#include <caf/all.hpp>
#include <string>
#include <vector>

#include "actors/messages.h"
#include "actors/trace/traced.h"
#include "actors/transport/tensor_message.h"

namespace troupe {

struct NamedTensor {
  std::string name;
  TensorRef tensor;
};

// One safetensors file to write; see write_shard() in storage/checkpoint/checkpoint.h.
struct ShardToWrite {
  std::string kind;
  int32_t shard_index = 0;
  int32_t num_shards = 1;
  std::vector<NamedTensor> tensors;
};

struct WriteShards {
  std::string folder;  // the checkpoint's .partial folder
  std::vector<ShardToWrite> shards;
};

}  // namespace troupe

CAF_ALLOW_UNSAFE_MESSAGE_TYPE(troupe::WriteShards)

namespace troupe {

using CheckpointWriter = caf::typed_actor<caf::replies_to<WriteShards>::with<ShardsWritten>>;

struct CheckpointWriterState {
  std::string name = "checkpoint_writer";
};

CheckpointWriter::behavior_type checkpoint_writer(
    Traced<CheckpointWriter, CheckpointWriterState>* self, std::string address);

}  // namespace troupe
