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

TensorRef copy_floats(const Buffer& buffer, const Shape& shape) {
  const float* values = buffer.as<float>();
  return make_tensor_ref(std::vector<float>(values, values + num_elements(shape)), DType::f32,
                         shape);
}

TensorRef copy_as_bf16(const Buffer& buffer, const Shape& shape) {
  std::vector<Bf16> values(static_cast<size_t>(num_elements(shape)));
  for (size_t i = 0; i < values.size(); ++i) values[i] = to_bf16(buffer.as<float>()[i]);
  return make_tensor_ref(std::move(values), DType::bf16, shape);
}

}  // namespace

void StageState::read_weights(const LoadWeights& load) {
  auto& model = worker_->model();
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

void StageState::read_optimizer(const std::string& checkpoint) {
  const SafetensorsFolder optimizer(checkpoint, "optimizer");
  worker_->model().load_optimizer([&](const std::string& moment, std::span<float> values) {
    copy_f32(optimizer.at(moment), values);
  });
}

StageDone StageState::load(const LoadWeights& load) {
  auto lease = config_.compute->lease();
  auto& model = worker_->model();
  read_weights(load);
  model.reset_optimizer();
  if (load.optimizer == LoadWeights::Optimizer::from_file) read_optimizer(load.path);
  return {static_cast<int64_t>(model.parameters().all().size())};
}

// The weights that this stage answers for: a tied embedding is the first stage's.
std::vector<std::string> StageState::own_weights() const {
  std::vector<std::string> names;
  auto& model = worker_->model();
  for (const auto& [weight, parameter] : model.parameters().all())
    if (model.is_first() || model.shared_weight() != weight) names.push_back(weight);
  return names;
}

StageDone StageState::publish(const PublishShard& publish) {
  const auto names = own_weights();
  for (const auto& weight : names) {
    const auto& parameter = worker_->model().parameters().at(weight);
    store_.send(weight, publish.version, copy_floats(parameter.master, parameter.shape));
  }
  return {static_cast<int64_t>(names.size())};
}

WriteShards StageState::shards(const SaveShard& save) {
  const auto& options = config_.options;
  const auto shard = [&](const char* kind) {
    return ShardToWrite{save.kind_prefix + kind, options.stage, options.num_stages, {}};
  };
  ShardToWrite model = shard("model"), masters = shard("master_weights"),
               optimizer = shard("optimizer");
  for (const auto& weight : own_weights()) {
    const auto& parameter = worker_->model().parameters().at(weight);
    const bool rounds = parameter.dtype == DType::bf16;  // what kernels read is what is written
    auto values = copy_floats(parameter.master, parameter.shape);
    if (rounds) masters.tensors.push_back({weight, values});
    model.tensors.push_back(
        {weight, rounds ? copy_as_bf16(parameter.master, parameter.shape) : std::move(values)});
    if (!save.with_optimizer || parameter.moment1.num_bytes() == 0) continue;
    optimizer.tensors.push_back(
        {weight + "/moment1_0", copy_floats(parameter.moment1, parameter.shape)});
    optimizer.tensors.push_back(
        {weight + "/moment2_0", copy_floats(parameter.moment2, parameter.shape)});
  }
  WriteShards work = {save.folder, {std::move(model)}};
  for (auto* more : {&masters, &optimizer})
    if (!more->tensors.empty()) work.shards.push_back(std::move(*more));
  return work;
}

}  // namespace troupe
