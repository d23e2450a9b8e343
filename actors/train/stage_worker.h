// What a stage does when it fires: runs the model part, computes the loss on the last stage, and
// collects a batch's results. No messages are sent from here.
#pragma once

#include <map>
#include <memory>
#include <vector>

#include "actors/train/messages.h"
#include "actors/train/micro_batch_loss.h"
#include "actors/transport/tensor_message.h"
#include "graph/parallel/schedule.h"
#include "graph/training/stage_model.h"

namespace troupe {

class StageWorker {
 public:
  // The rank's chunks. `data_slices` and the models' place say which groups are this rank's.
  StageWorker(std::vector<std::unique_ptr<StageModel>> chunks, int data_slices)
      : chunks_(std::move(chunks)), data_slices_(data_slices) {}

  StageModel& chunk(int index) { return *chunks_.at(static_cast<size_t>(index)); }
  int num_chunks() const { return static_cast<int>(chunks_.size()); }

  // A new batch of this role, of which the micro-batches of this data rank's groups are run.
  void start(RunBatch batch);
  bool trains() const { return batch_.loss.kind != LossKind::none; }
  int64_t num_micro_batches() const { return static_cast<int64_t>(batch_.micro_batches.size()); }
  // The same, or where data ranks share weights, what the one has that has most.
  int64_t num_attended() const { return num_attended_; }

  // Forward gives "hidden" for the next virtual stage, backward its gradient for the previous one;
  // empty where there is no such neighbour. `micro_batch` counts this rank's.
  TensorRef execute(const Instruction& instruction, const std::optional<TensorRef>& input);

  // After the last instruction: sums the groups, with the other data ranks.
  void finish_gradients();
  // The part of a tied embedding's gradient that the other end of the pipeline needs.
  TensorRef shared_gradient(int chunk, const std::string& weight_name);
  BatchResult take_result();

 private:
  TensorRef forward(StageModel& model, const MicroBatch& batch, int64_t ordinal,
                    const std::optional<TensorRef>& input);
  TensorRef backward(StageModel& model, const MicroBatch& batch, int64_t ordinal,
                     const std::optional<TensorRef>& input);
  void read_head(StageModel& model, const MicroBatch& batch, int64_t ordinal);
  TokenLoss token_loss(const MicroBatch& batch);
  void attend(const Instruction& instruction);
  void note(const MicroBatch& batch, const MicroBatchLoss& loss);
  TensorRef copy_of(const Tensor& tensor) const;

  std::vector<std::unique_ptr<StageModel>> chunks_;
  int data_slices_;
  RunBatch batch_;
  int64_t num_attended_ = 0;
  BatchResult result_;
  // What backward passes read, until the last of them is over.
  std::map<int64_t, std::map<std::string, std::vector<float>>> loss_gradients_;
  std::map<std::pair<int64_t, int>, TensorRef> kept_;  // gradients, by micro-batch and chunk
};

}  // namespace troupe
