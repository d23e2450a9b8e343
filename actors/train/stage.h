// One pipeline stage of one role, on its own thread: fires forward and backward of micro-batches
// as their inputs come, exchanges activations and gradients with its neighbours over the data
// plane, and takes optimizer steps when told to.
#pragma once

#include <caf/all.hpp>
#include <deque>
#include <map>
#include <memory>
#include <string>

#include "actors/checkpoint/checkpoint_writer.h"
#include "actors/messages.h"
#include "actors/model/model_source.h"
#include "actors/trace/traced.h"
#include "actors/train/stage_flow.h"
#include "actors/train/stage_worker.h"
#include "actors/transport/transport.h"
#include "devices/cpu/compute.h"

namespace troupe {

using Stage =
    caf::typed_actor<caf::reacts_to<TensorMessage>, caf::replies_to<RunBatch>::with<BatchResult>,
                     caf::replies_to<ApplyUpdate>::with<StageDone>,
                     caf::replies_to<LoadWeights>::with<StageDone>,
                     caf::replies_to<PublishShard>::with<StageDone>,
                     caf::replies_to<SaveShard>::with<ShardsWritten>>;

struct StageConfig {
  std::string role;  // "policy": its stages are policy/pp0, policy/pp1, ...
  LlamaConfig model;
  StageOptions options;
  uint64_t seed = 0;  // of new weights
  int64_t num_registers = 3;
  int64_t num_extra_forwards = 1;
  std::string weight_store;        // address; empty: never publishes
  Transport* transport = nullptr;  // the node's
  std::shared_ptr<Compute> compute;
};

class StageState {
 public:
  std::string name = "stage";

  void configure(StageConfig config, ActorProbe* probe);
  void receive(const TensorMessage& message);
  // Batches run in the order in which they come.
  void run(const RunBatch& batch, caf::typed_response_promise<BatchResult> done);
  // Fires what can fire; delivers the batch's result when all is done.
  void advance();
  StageDone apply(const ApplyUpdate& update);
  StageDone load(const LoadWeights& load);
  StageDone publish(const PublishShard& publish);
  // Copies of this stage's weights, ready to be written.
  WriteShards shards(const SaveShard& save);

 private:
  void read_weights(const LoadWeights& load);
  void read_optimizer(const std::string& checkpoint);
  void start_next();
  void fire(StageFlow::Fire fire);
  void send(TensorOutlet& outlet, const char* stream, int64_t micro_batch, TensorRef tensor);
  bool exchange_shared_gradient();
  std::vector<std::string> own_weights() const;
  void note_wait();  // for what the next instruction waits, if it does

  StageConfig config_;
  ActorProbe* probe_ = nullptr;
  int64_t wait_ = 0;
  std::unique_ptr<StageFlow> flow_;
  std::unique_ptr<StageWorker> worker_;
  TensorOutlet previous_, next_, shared_, store_;
  int64_t batch_ = -1;
  bool gradients_finished_ = false;
  std::map<int64_t, TensorRef> shared_gradients_;  // from the other end, by batch
  caf::typed_response_promise<BatchResult> done_;
  bool is_running_ = false;
  std::deque<std::pair<RunBatch, caf::typed_response_promise<BatchResult>>> waiting_;
};

std::string stage_address(const std::string& role, int stage);  // "policy/pp0"

Stage::behavior_type stage(Traced<Stage, StageState>* self, StageConfig config);

}  // namespace troupe
