// How a stage's weights come and go: loaded from files, published, handed to a checkpoint writer.
#include <algorithm>
#include <optional>

#include "actors/train/stage.h"
#include "graph/models/initial_weights.h"
#include "storage/safetensors/reader.h"

namespace troupe {
namespace {

constexpr const char* kValueHead = "score.weight";

void copy_f32(const TensorView& tensor, std::span<float> values) {
  const auto bytes = std::as_writable_bytes(values);
  CHECK(tensor.dtype == DType::f32 && tensor.bytes.size() == bytes.size(), tensor.name,
        tensor.bytes.size(), bytes.size());
  std::ranges::copy(tensor.bytes, bytes.begin());
}

TensorRef floats(std::vector<float> values, const Shape& shape) {
  return make_tensor_ref(std::move(values), DType::f32, shape);
}

TensorRef as_bf16(std::span<const float> floats, const Shape& shape) {
  std::vector<Bf16> values(floats.size());
  for (size_t i = 0; i < values.size(); ++i) values[i] = to_bf16(floats[i]);
  return make_tensor_ref(std::move(values), DType::bf16, shape);
}

}  // namespace

void StageState::read_weights(StageModel& model, const LoadWeights& load) {
  if (load.path.empty()) return model.load(initial_weights(config_.model, config_.seed));
  const auto source = ModelSource::open(load.path);
  std::optional<SafetensorsFolder> masters;
  if (has_safetensors(load.path, "master_weights")) masters.emplace(load.path, "master_weights");
  model.load([&](const std::string& weight, std::span<float> values) {
    if (load.head == LoadWeights::Head::zero && weight == kValueHead)
      return std::fill(values.begin(), values.end(), 0.0f);
    const auto* master = masters ? masters->find(weight) : nullptr;
    master ? copy_f32(*master, values) : source.read_f32(weight, values);
  });
}

void StageState::read_optimizer(StageModel& model, const std::string& checkpoint) {
  const SafetensorsFolder optimizer(checkpoint, "optimizer");
  model.load_optimizer([&](const std::string& moment, std::span<float> values) {
    copy_f32(optimizer.at(moment), values);
  });
}

StageDone StageState::load(const LoadWeights& load) {
  const Computing computing(*this);
  int64_t num_weights = 0;
  for (int chunk = 0; chunk < worker_->num_chunks(); ++chunk) {
    read_weights(model(chunk), load);
    model(chunk).reset_optimizer();
    if (load.optimizer == LoadWeights::Optimizer::from_file)
      read_optimizer(model(chunk), load.path);
    num_weights += static_cast<int64_t>(model(chunk).parameters().all().size());
  }
  return {num_weights};
}

// The weights that this stage answers for: a tied embedding is the first stage's.
std::vector<std::string> StageState::own_weights(StageModel& model) const {
  std::vector<std::string> names;
  for (const auto& [weight, parameter] : model.parameters().all())
    if (model.is_first() || model.shared_weight() != weight) names.push_back(weight);
  return names;
}

// Of the ranks that have parts of the same weights, one sends the whole.
StageDone StageState::publish(const PublishShard& publish) {
  const Computing computing(*this);
  int64_t num_weights = 0;
  for (int chunk = 0; chunk < worker_->num_chunks(); ++chunk)
    for (const auto& weight : own_weights(model(chunk))) {
      auto whole = model(chunk).whole(weight, StageModel::Part::weight);
      if (!model(chunk).speaks()) continue;
      ++num_weights;
      store_.send(weight, publish.version,
                  floats(std::move(whole), model(chunk).logical_shape(weight)));
    }
  return {num_weights};
}

void StageState::add_shards(StageModel& model, bool with_optimizer, WriteShards& work) const {
  auto &weights = work.shards.at(0), &masters = work.shards.at(1), &optimizer = work.shards.at(2);
  for (const auto& weight : own_weights(model)) {
    const Shape shape = model.logical_shape(weight);
    const auto add = [&](ShardToWrite& to, const std::string& name, TensorRef tensor) {
      if (model.speaks()) to.tensors.push_back({name, std::move(tensor)});
    };
    auto values = model.whole(weight, StageModel::Part::weight);
    // What kernels read is what is written.
    const bool rounds = model.parameters().at(weight).dtype == DType::bf16;
    if (rounds) add(weights, weight, as_bf16(values, shape));
    add(rounds ? masters : weights, weight, floats(std::move(values), shape));
    if (!with_optimizer || !model.has_moments()) continue;
    add(optimizer, weight + "/moment1_0",
        floats(model.whole(weight, StageModel::Part::moment1), shape));
    add(optimizer, weight + "/moment2_0",
        floats(model.whole(weight, StageModel::Part::moment2), shape));
  }
}

WriteShards StageState::shards(const SaveShard& save) {
  const Computing computing(*this);
  WriteShards work = {save.folder, {}};
  for (const char* kind : {"model", "master_weights", "optimizer"})
    work.shards.push_back(
        {save.kind_prefix + kind, config_.point.pipeline, config_.mesh.pipeline, {}});
  for (int chunk = 0; chunk < worker_->num_chunks(); ++chunk)
    add_shards(model(chunk), save.with_optimizer, work);
  std::erase_if(work.shards, [](const ShardToWrite& shard) { return shard.tensors.empty(); });
  return work;
}

}  // namespace troupe
