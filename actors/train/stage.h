// One rank of one role's mesh, on its own thread: works through its schedule's table as inputs
// come, exchanges activations and gradients with its neighbours in the pipeline over the data
// plane, adds with the shards and data ranks beside it, and takes optimizer steps when told to.
#pragma once

#include <caf/all.hpp>
#include <deque>
#include <map>
#include <memory>
#include <optional>
#include <string>

#include "actors/checkpoint/checkpoint_writer.h"
#include "actors/messages.h"
#include "actors/model/model_source.h"
#include "actors/trace/traced.h"
#include "actors/train/groups.h"
#include "actors/train/stage_flow.h"
#include "actors/train/stage_worker.h"
#include "actors/transport/transport.h"
#include "devices/cpu/background_calls.h"
#include "devices/cpu/compute.h"
#include "graph/parallel/mesh.h"

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
  StageOptions options;  // of every chunk; stage, num_stages and splits_backward are the schedule's
  Mesh mesh;             // of the role
  MeshPoint point;       // this rank's
  std::string schedule = "1f1b";
  ScheduleTable table;  // to train by, instead of the schedule's own; empty: that
  int num_chunks = 1;
  int data_slices = 8;
  uint64_t seed = 0;          // of new weights
  int64_t num_registers = 3;  // where a schedule can be run with any number of them
  int64_t num_extra_forwards = 1;
  std::string weight_store;        // address; empty: never publishes
  Transport* transport = nullptr;  // the node's
  std::shared_ptr<Compute> compute;
  GroupFactory make_group;  // where tensor or data degree is above 1
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
  // One of this rank's parts of the model, and those beside it.
  struct Chunk {
    int stage = 0;  // virtual
    ChunkPlace previous, next;
    TensorOutlet to_previous, to_next;
  };
  void make_groups();
  void let_go_of_cores();
  void take_cores();
  void add_chunk(int chunk, std::vector<std::unique_ptr<StageModel>>& models);
  std::string address_of(int pipeline_rank) const;
  StageModel& model(int chunk) { return worker_->chunk(chunk); }
  void read_weights(StageModel& model, const LoadWeights& load);
  void read_optimizer(StageModel& model, const std::string& checkpoint);
  void start_next();
  int64_t num_registers() const;
  // For the batch that begins. Throws where its schedule's table could not be run to its end.
  RankProgram program() const;
  void fire(StageFlow::Fire fire);
  void send(TensorOutlet& outlet, const char* stream, int chunk, int64_t micro_batch,
            TensorRef tensor);
  bool exchange_shared_gradients();
  bool exchange_shared_gradient(int chunk);
  std::vector<std::string> own_weights(StageModel& model) const;
  void add_shards(StageModel& model, bool with_optimizer, WriteShards& work) const;
  void note_wait();  // for what the next instruction waits, if it does
  // Held while this actor computes, and let go of while it waits for others in between.
  class Computing {
   public:
    explicit Computing(StageState& stage) : lease_(stage.lease_) {
      lease_.emplace(*stage.config_.compute);
    }
    ~Computing() { lease_.reset(); }

   private:
    std::optional<Compute::Lease>& lease_;
  };

  StageConfig config_;
  const Schedule* schedule_ = nullptr;
  ActorProbe* probe_ = nullptr;
  int64_t wait_ = 0;
  std::optional<Compute::Lease> lease_;
  std::unique_ptr<Communicator> tensor_group_, data_group_;
  std::unique_ptr<BackgroundCalls> tensor_calls_, data_calls_;  // end before the groups
  std::vector<Chunk> chunks_;
  std::unique_ptr<StageFlow> flow_;
  std::unique_ptr<StageWorker> worker_;
  TensorOutlet shared_, store_;
  int64_t batch_ = -1;
  bool gradients_finished_ = false;
  std::map<std::pair<int64_t, int>, TensorRef> shared_gradients_;  // from the other end, by batch
  caf::typed_response_promise<BatchResult> done_;
  bool is_running_ = false;
  std::deque<std::pair<RunBatch, caf::typed_response_promise<BatchResult>>> waiting_;
};

// "policy/pp0"; with the data rank before it and the shard behind it where the mesh has several:
// "policy/dp1/pp0/tp3".
std::string stage_address(const std::string& role, const Mesh& mesh, const MeshPoint& point);

Stage::behavior_type stage(Traced<Stage, StageState>* self, StageConfig config);

}  // namespace troupe
