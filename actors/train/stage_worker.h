// What a stage does when it fires: runs the model part, computes the loss on the last stage, and
// collects a batch's results. No messages are sent from here.
#pragma once

#include <map>
#include <memory>
#include <vector>

#include "actors/train/messages.h"
#include "actors/train/schedule.h"
#include "actors/transport/tensor_message.h"
#include "graph/training/stage_model.h"

namespace troupe {

class StageWorker {
 public:
  explicit StageWorker(std::unique_ptr<StageModel> model) : model_(std::move(model)) {}

  StageModel& model() { return *model_; }

  // A new batch of this role.
  void start(RunBatch batch);
  bool trains() const { return batch_.loss.kind != LossKind::none; }
  int64_t num_micro_batches() const { return static_cast<int64_t>(batch_.micro_batches.size()); }

  // Forward gives "hidden" for the next stage, backward its gradient for the previous one; empty
  // where there is no such neighbour.
  TensorRef execute(const Instruction& instruction, const std::optional<TensorRef>& input);

  // After the last instruction: ends the last group and sums the groups.
  void finish_gradients();
  // The part of a tied embedding's gradient that the other end of the pipeline needs.
  TensorRef shared_gradient(const std::string& weight_name);
  BatchResult take_result();

 private:
  TensorRef forward(const MicroBatch& batch, const std::optional<TensorRef>& input);
  TensorRef backward(const MicroBatch& batch, const std::optional<TensorRef>& input);
  void read_head(const MicroBatch& batch);
  TokenLoss token_loss(const MicroBatch& batch);
  TensorRef copy_of(const Tensor& tensor) const;

  std::unique_ptr<StageModel> model_;
  RunBatch batch_;
  BatchResult result_;
  std::map<int64_t, std::map<std::string, std::vector<float>>> loss_gradients_;
  int last_group_ = -1;
};

}  // namespace troupe
