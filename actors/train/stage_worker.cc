#include "actors/train/stage_worker.h"

#include <algorithm>
#include <chrono>
#include <cstring>

#include "base/error.h"

namespace troupe {
namespace {

std::span<const float> floats(const Tensor& tensor) {
  return {tensor.as<float>(), static_cast<size_t>(num_elements(tensor.shape))};
}

int64_t now_ns() {
  return std::chrono::steady_clock::now().time_since_epoch().count();
}

}  // namespace

void StageWorker::start(RunBatch batch) {
  const auto& place = chunk(0).options().place;
  std::vector<int64_t> counts(static_cast<size_t>(place.data_degree()), 0);
  const auto owner = [&](const MicroBatch& one) {
    CHECK(one.group >= 0 && one.group < data_slices_, one.group, data_slices_);
    return one.group * place.data_degree() / data_slices_;
  };
  for (size_t i = 0; i < batch.micro_batches.size(); ++i) {
    CHECK(batch.micro_batches[i].index == static_cast<int64_t>(i), batch.batch, i);
    ++counts[owner(batch.micro_batches[i])];
  }
  std::erase_if(batch.micro_batches,
                [&](const MicroBatch& one) { return owner(one) != place.data_rank(); });
  batch_ = std::move(batch);
  result_ = {};
  num_attended_ = chunk(0).shares_weights() ? std::ranges::max(counts) : num_micro_batches();
}

// Of a micro-batch that other data ranks have and this one has not.
void StageWorker::attend(const Instruction& instruction) {
  auto& model = chunk(instruction.chunk);
  if (instruction.work == Work::forward) model.attend_forward();
  if (instruction.work == Work::backward || instruction.work == Work::input_gradient)
    model.attend_backward();
}

// Of one micro-batch, of whose tokens these are some.
void StageWorker::note(const MicroBatch& batch, const MicroBatchLoss& loss) {
  if (result_.losses.empty() || result_.losses.back().index != batch.index)
    result_.losses.push_back({batch.index, {}});
  for (const auto& [name, value] : loss.sums) result_.losses.back().sums[name] += value;
  for (const auto& [name, value] : loss.maxima) {
    auto [at, is_new] = result_.maxima.try_emplace(name, value);
    if (!is_new) at->second = std::max(at->second, value);
  }
}

TensorRef StageWorker::execute(const Instruction& instruction,
                               const std::optional<TensorRef>& input) {
  const auto start = now_ns();
  const int64_t ordinal = instruction.micro_batch;
  if (ordinal >= num_micro_batches()) {
    attend(instruction);
    return {};
  }
  const auto& batch = batch_.micro_batches.at(static_cast<size_t>(ordinal));
  auto& model = chunk(instruction.chunk);
  TensorRef output;
  if (instruction.work == Work::forward) output = forward(model, batch, ordinal, input);
  if (instruction.work == Work::backward || instruction.work == Work::input_gradient)
    output = backward(model, batch, ordinal, input);
  if (input) kept_[{ordinal, instruction.chunk}] = *input;
  if (instruction.work == Work::weight_gradient) model.backward_of_weights(ordinal);
  const bool is_last =
      trains() ? instruction.work != Work::forward && instruction.work != Work::input_gradient
               : true;
  if (is_last) {
    model.finish(ordinal);
    kept_.erase({ordinal, instruction.chunk});
    if (model.is_last()) loss_gradients_.erase(batch.index);
  }
  result_.busy_ns += now_ns() - start;
  return output;
}

TensorRef StageWorker::copy_of(const Tensor& tensor) const {
  const size_t bytes = static_cast<size_t>(num_elements(tensor.shape)) * size_of(tensor.dtype);
  std::vector<std::byte> values(bytes);
  std::memcpy(values.data(), tensor.data, bytes);
  return make_tensor_ref(std::move(values), tensor.dtype, tensor.shape);
}

TensorRef StageWorker::forward(StageModel& model, const MicroBatch& batch, int64_t ordinal,
                               const std::optional<TensorRef>& input) {
  auto pack = std::make_shared<Pack>();
  pack->token_ids = batch.token_ids;
  pack->positions = batch.positions;
  pack->sequence_starts = batch.sequence_starts;
  const bool to_loss = trains() && model.asks_for_loss();
  model.forward(ordinal, std::move(pack), input ? input->data : nullptr,
                std::make_shared<const std::vector<int32_t>>(batch.targets),
                to_loss ? Forward::to_loss : Forward::whole, batch.group);
  if (!model.is_last()) return copy_of(model.output(ordinal, "hidden"));
  if (!to_loss) read_head(model, batch, ordinal);
  return {};
}

void StageWorker::read_head(StageModel& model, const MicroBatch& batch, int64_t ordinal) {
  HeadOutputs outputs;
  MicroBatchOutput columns = {batch.index, {}};
  const auto read = [&](const char* name, std::span<const float>& to) {
    to = floats(model.output(ordinal, name));
    columns.columns[name].assign(to.begin(), to.end());
  };
  if (model.has_output("values")) {
    read("values", outputs.values);
  } else {
    read("log_prob", outputs.log_prob);
    read("entropy", outputs.entropy);
  }
  if (!trains()) return result_.outputs.push_back(std::move(columns));
  auto loss = micro_batch_loss(batch_.loss, batch, outputs);
  note(batch, loss);
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
    note(batch, loss);
    std::ranges::copy(loss.gradients.at("log_prob"), args.d_log_prob.begin());
    std::ranges::copy(loss.gradients.at("entropy"), args.d_entropy.begin());
  };
}

TensorRef StageWorker::backward(StageModel& model, const MicroBatch& batch, int64_t ordinal,
                                const std::optional<TensorRef>& input) {
  if (model.asks_for_loss()) {
    model.backward(ordinal, token_loss(batch));
  } else {
    std::map<std::string, const void*> gradients;
    if (input) gradients["hidden"] = input->data.get();
    if (model.is_last())
      for (const auto& [name, values] : loss_gradients_[batch.index])
        gradients[name] = values.data();
    model.backward(ordinal, gradients);
  }
  return model.is_first() ? TensorRef{} : copy_of(model.hidden_gradient(ordinal));
}

void StageWorker::finish_gradients() {
  const auto presence = num_micro_batches() > 0 ? Presence::present : Presence::absent;
  for (auto& model : chunks_) model->finish_gradients(presence);
}

TensorRef StageWorker::shared_gradient(int index, const std::string& weight_name) {
  auto sum = chunk(index).gradients().sum(weight_name);
  return make_tensor_ref(std::vector<float>(sum.begin(), sum.end()), DType::f32,
                         {static_cast<int64_t>(sum.size())});
}

// Of the ranks that have the same weights, or the same micro-batches, one tells what all know.
BatchResult StageWorker::take_result() {
  if (trains())
    for (auto& model : chunks_) result_.gradient_squares.merge(model->gradient_squares());
  const auto& model = chunk(0);
  if (!model.speaks()) result_.gradient_squares.clear();
  if (model.options().place.shard > 0) {
    result_.outputs.clear();
    result_.losses.clear();
  }
  return std::move(result_);
}

}  // namespace troupe
