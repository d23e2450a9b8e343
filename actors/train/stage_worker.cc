#include "actors/train/stage_worker.h"

#include <algorithm>
#include <chrono>
#include <cstring>

#include "actors/train/micro_batch_loss.h"
#include "base/error.h"

namespace troupe {
namespace {

std::span<const float> floats(const Tensor& tensor) {
  return {tensor.as<float>(), static_cast<size_t>(num_elements(tensor.shape))};
}

int64_t now_ns() {
  return std::chrono::steady_clock::now().time_since_epoch().count();
}

void merge(BatchResult& result, const MicroBatchLoss& loss) {
  for (const auto& [name, value] : loss.sums) result.sums[name] += value;
  for (const auto& [name, value] : loss.maxima) {
    auto [at, is_new] = result.maxima.try_emplace(name, value);
    if (!is_new) at->second = std::max(at->second, value);
  }
}

}  // namespace

void StageWorker::start(RunBatch batch) {
  for (size_t i = 0; i < batch.micro_batches.size(); ++i)
    CHECK(batch.micro_batches[i].index == static_cast<int64_t>(i), batch.batch, i);
  batch_ = std::move(batch);
  result_ = {};
  last_group_ = -1;
}

TensorRef StageWorker::execute(const Instruction& instruction,
                               const std::optional<TensorRef>& input) {
  const auto start = now_ns();
  const auto& batch = batch_.micro_batches.at(instruction.micro_batch);
  auto output = instruction.work == Work::forward ? forward(batch, input) : backward(batch, input);
  result_.busy_ns += now_ns() - start;
  return output;
}

TensorRef StageWorker::copy_of(const Tensor& tensor) const {
  const size_t bytes = static_cast<size_t>(num_elements(tensor.shape)) * size_of(tensor.dtype);
  std::vector<std::byte> values(bytes);
  std::memcpy(values.data(), tensor.data, bytes);
  return make_tensor_ref(std::move(values), tensor.dtype, tensor.shape);
}

TensorRef StageWorker::forward(const MicroBatch& batch, const std::optional<TensorRef>& input) {
  auto pack = std::make_shared<Pack>();
  pack->token_ids = batch.token_ids;
  pack->positions = batch.positions;
  pack->sequence_starts = batch.sequence_starts;
  const bool to_loss = trains() && model_->asks_for_loss();
  model_->forward(batch.index, std::move(pack), input ? input->data : nullptr,
                  std::make_shared<const std::vector<int32_t>>(batch.targets),
                  to_loss ? Forward::to_loss : Forward::whole);
  TensorRef hidden;
  if (!model_->is_last())
    hidden = copy_of(model_->output(batch.index, "hidden"));
  else if (!to_loss)
    read_head(batch);
  if (!trains()) model_->finish(batch.index);
  return hidden;
}

void StageWorker::read_head(const MicroBatch& batch) {
  HeadOutputs outputs;
  MicroBatchOutput columns = {batch.index, {}};
  const auto read = [&](const char* name, std::span<const float>& to) {
    to = floats(model_->output(batch.index, name));
    columns.columns[name].assign(to.begin(), to.end());
  };
  if (model_->has_output("values")) {
    read("values", outputs.values);
  } else {
    read("log_prob", outputs.log_prob);
    read("entropy", outputs.entropy);
  }
  if (!trains()) return result_.outputs.push_back(std::move(columns));
  auto loss = micro_batch_loss(batch_.loss, batch, outputs);
  merge(result_, loss);
  loss_gradients_[batch.index] = std::move(loss.gradients);
}

// As the head visits tokens.
TokenLoss StageWorker::token_loss(const MicroBatch& batch) {
  return [this, &batch](const TokenLossArgs& args) {
    HeadOutputs outputs;
    outputs.log_prob = args.log_prob;
    outputs.entropy = args.entropy;
    outputs.first = args.first;
    const auto loss = micro_batch_loss(batch_.loss, batch, outputs);
    merge(result_, loss);
    std::ranges::copy(loss.gradients.at("log_prob"), args.d_log_prob.begin());
    std::ranges::copy(loss.gradients.at("entropy"), args.d_entropy.begin());
  };
}

TensorRef StageWorker::backward(const MicroBatch& batch, const std::optional<TensorRef>& input) {
  if (last_group_ >= 0 && batch.group != last_group_) model_->gradients().end_group(last_group_);
  last_group_ = batch.group;
  if (model_->asks_for_loss()) {
    model_->backward(batch.index, token_loss(batch));
  } else {
    std::map<std::string, const void*> gradients;
    if (input) gradients["hidden"] = input->data.get();
    for (const auto& [name, values] : loss_gradients_[batch.index]) gradients[name] = values.data();
    model_->backward(batch.index, gradients);
  }
  TensorRef to_previous;
  if (!model_->is_first()) to_previous = copy_of(model_->hidden_gradient(batch.index));
  model_->finish(batch.index);
  loss_gradients_.erase(batch.index);
  return to_previous;
}

void StageWorker::finish_gradients() {
  model_->gradients().finish(last_group_);
}

TensorRef StageWorker::shared_gradient(const std::string& weight_name) {
  auto sum = model_->gradients().sum(weight_name);
  return make_tensor_ref(std::vector<float>(sum.begin(), sum.end()), DType::f32,
                         {static_cast<int64_t>(sum.size())});
}

BatchResult StageWorker::take_result() {
  if (trains()) result_.gradient_squares = model_->gradient_squares();
  return std::move(result_);
}

}  // namespace troupe
