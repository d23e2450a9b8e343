// A role trained on any mesh: stages as actors of a real actor system, each on its own thread.
#pragma once

#include <gtest/gtest.h>

#include <caf/all.hpp>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "actors/trace/system_config.h"
#include "actors/train/role.h"
#include "actors/train/stage.h"
#include "base/hash.h"
#include "devices/cpu/shared_memory_group.h"
#include "kernels/elementwise/rope_frequencies.h"
#include "tests/graph/tiny_llama.h"
#include "tests/temporary_folder.h"

namespace troupe {

// Eight layers, two query heads for each of four key/value heads, tied embeddings, a vocabulary
// that four shards can share.
inline LlamaConfig eight_layers() {
  LlamaConfig config = tiny_llama_config();
  config.hidden_size = 64;
  config.intermediate_size = 96;
  config.num_hidden_layers = 8;
  config.num_attention_heads = 8;
  config.num_key_value_heads = 4;
  config.vocab_size = 2048;
  return config;
}

struct MeshLayout {
  Mesh mesh;
  Zero zero = Zero::none;
  bool sequence = false;
  Recompute recompute = Recompute::none;
  std::string schedule = "1f1b";
  DType dtype = DType::f32;
};

inline std::string to_string(const MeshLayout& layout) {
  const auto number = [](int value) { return std::to_string(value); };
  return "pipeline " + number(layout.mesh.pipeline) + " data " + number(layout.mesh.data) +
         " tensor " + number(layout.mesh.tensor) + " zero " +
         number(static_cast<int>(layout.zero)) + (layout.sequence ? " sequence " : " ") +
         "recompute " + number(static_cast<int>(layout.recompute)) + " " + layout.schedule + " " +
         std::string(name_of(layout.dtype));
}

// Packs of unequal length and odd token counts, 7, 8 or 11 of them, in eight groups of which some
// may be empty. Both sequences of a pack begin alike, some for long enough to be computed once.
inline std::vector<MicroBatch> mesh_batch(int step) {
  const int counts[] = {7, 8, 11};
  const int count = counts[step % 3];
  std::vector<MicroBatch> batch;
  for (int i = 0; i < count; ++i) {
    MicroBatch one;
    one.index = i;
    one.group = i * 8 / count;
    one.sequence_starts = {0};
    const int second = 2 * (i % 3) + 2 + (i * 5 + step) % 2 + (i % 3 == 0 ? 16 : 0);
    for (int length : {3 + (i * 5 + step) % 17, second}) {
      for (int at = 0; at < length; ++at) {
        one.token_ids.push_back((at * 977 + i * 131 + step * 389 + at * at * 7) % 2048);
        one.positions.push_back(at);
        one.targets.push_back(at + 1 < length ? (at * 31 + i * 57 + step) % 2048 : -1);
        one.columns["weight"].push_back(at + 1 < length ? 1.0f : 0.0f);
      }
      one.sequence_starts.push_back(static_cast<int32_t>(one.token_ids.size()));
    }
    batch.push_back(std::move(one));
  }
  return batch;
}

class MeshRun {
 public:
  // Makes a group for a rank; by default over shared memory in this run's folder.
  using MakeGroup = std::function<std::unique_ptr<Communicator>(SharedMemoryGroupOptions)>;

  explicit MeshRun(MeshLayout layout, MakeGroup make_group = nullptr)
      : layout_(std::move(layout)), make_group_(std::move(make_group)) {
    plan();
    for (int rank = 0; rank < layout_.mesh.size(); ++rank) spawn(layout_.mesh.point(rank));
    LoadWeights load;
    ask<StageDone>(load);
  }

  ~MeshRun() {
    for (const auto& stage : stages_) self_->send_exit(stage, caf::exit_reason::user_shutdown);
    for (const auto& stage : stages_) self_->wait_for(stage);
  }

  // One AdamW step, whose clip coefficient is returned.
  float step(int step) {
    LossSpec loss;
    loss.kind = LossKind::nll;
    loss.scale = 0.01f;
    const auto result = combine(ask<BatchResult>(RunBatch{step, loss, mesh_batch(step)}));
    ApplyUpdate update;
    update.step = step + 1;
    update.lr = 0.01;
    update.weight_decay = 0.01;
    update.gradient_scale = clip_scale(gradient_norm(result), 0.01);
    ask<StageDone>(update);
    return update.gradient_scale;
  }

  // SHA-256 over the whole weights and moments, sorted by name.
  std::string hash() {
    std::map<std::string, std::vector<std::byte>> tensors;
    auto writer =
        system_.spawn([&tensors](CheckpointWriter::pointer) -> CheckpointWriter::behavior_type {
          return {[&tensors](const WriteShards& work) {
            for (const auto& shard : work.shards)
              for (const auto& tensor : shard.tensors)
                tensors[shard.kind + ":" + tensor.name].assign(tensor.tensor.bytes().begin(),
                                                               tensor.tensor.bytes().end());
            return ShardsWritten{};
          }};
        });
    ask<ShardsWritten>(SaveShard{"", "", true, caf::actor_cast<caf::strong_actor_ptr>(writer)});
    self_->send_exit(writer, caf::exit_reason::user_shutdown);
    self_->wait_for(writer);
    EXPECT_GT(tensors.size(), 3 * 70u);
    Sha256 sha;
    for (const auto& [name, bytes] : tensors) {
      sha.add(name);
      sha.add(bytes);
    }
    return sha.finish();
  }

 private:
  void plan() {
    TransportMap map;
    map.endpoint_of_node["here"] = "";
    for (int rank = 0; rank < layout_.mesh.size(); ++rank)
      map.node_of_address[stage_address("policy", layout_.mesh, layout_.mesh.point(rank))] = "here";
    transport_ = std::make_unique<Transport>("here", map, [](const std::string&) {});
  }

  void spawn(const MeshPoint& point) {
    StageConfig config;
    config.role = "policy";
    config.model = eight_layers();
    config.mesh = layout_.mesh;
    config.point = point;
    config.schedule = layout_.schedule;
    config.num_chunks = schedule_named(layout_.schedule).least_chunks;
    config.seed = 5;
    config.options.model.dtype = layout_.dtype;
    config.options.trainable = Trainable::yes;
    config.options.recompute = layout_.recompute;
    config.options.place.zero = layout_.zero;
    config.options.place.sequence = layout_.sequence;
    config.transport = transport_.get();
    config.compute = compute_;
    config.make_group = [this](GroupWanted wanted) { return group(std::move(wanted)); };
    stages_.push_back(system_.spawn<caf::detached>(stage, config));
    transport_->add_local(stage_address("policy", layout_.mesh, point),
                          caf::actor_cast<TensorInlet>(stages_.back()));
  }

  std::unique_ptr<Communicator> group(GroupWanted wanted) {
    SharedMemoryGroupOptions options;
    options.group = wanted.name;
    options.folder = folder_.path();
    options.name = wanted.name;
    std::ranges::replace(options.name, '/', '-');
    options.rank = wanted.rank;
    options.size = static_cast<int>(wanted.addresses.size());
    options.before_wait = wanted.before_wait;
    options.after_wait = wanted.after_wait;
    if (make_group_) return make_group_(std::move(options));
    return std::make_unique<SharedMemoryGroup>(std::move(options));
  }

  template <class Reply, class Message>
  std::vector<Reply> ask(const Message& message) {
    std::vector<decltype(self_->request(stages_[0], caf::infinite, message))> requests;
    for (const auto& stage : stages_)
      requests.push_back(self_->request(stage, std::chrono::seconds(120), message));
    std::vector<Reply> replies;
    for (auto& request : requests)
      request.receive([&](Reply& reply) { replies.push_back(std::move(reply)); },
                      [&](caf::error& error) {
                        ADD_FAILURE() << to_string(layout_) << ": " << system_.render(error);
                      });
    return replies;
  }

  MeshLayout layout_;
  MakeGroup make_group_;
  TemporaryFolder folder_;
  SystemConfig config_;
  caf::actor_system system_{config_};
  caf::scoped_actor self_{system_};
  CoreGate gate_;
  std::shared_ptr<Compute> compute_ = std::make_shared<Compute>(1, 2, gate_);
  std::unique_ptr<Transport> transport_;
  std::vector<Stage> stages_;
};

}  // namespace troupe
