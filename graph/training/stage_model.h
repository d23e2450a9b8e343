// One pipeline stage of one model, as computing and nothing else: forward and backward of
// micro-batches, gradients of a global batch, the optimizer step. Actors drive it (actors/train).
#pragma once

#include <map>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "base/pack.h"
#include "graph/autodiff.h"
#include "graph/memory_forecast.h"
#include "graph/models/llama.h"
#include "graph/parallel/weight_shards.h"
#include "graph/program.h"
#include "kernels/optimizer/adamw.h"

namespace troupe {

// What a loss must know for its slope at a token: that token's log-prob and entropy, or those of
// the whole pack (losses of whole sequences).
enum class LossReach { token, pack };

struct StageOptions {
  ModelOptions model;
  int stage = 0;
  int num_stages = 1;
  Trainable trainable = Trainable::no;
  Recompute recompute = Recompute::none;
  LossReach loss_reach = LossReach::token;
  ParallelPlace place;
  bool splits_backward = false;  // for schedules that make weight gradients later
  // Where AdamW's moments lie in files between steps; absent: they are in memory.
  std::optional<std::string> moments_folder = std::nullopt;
};

// How far forward() goes: through everything, or to where the loss is asked for.
enum class Forward { whole, to_loss };

// Which weights the optimizer's weight decay pulls to 0: usually not those of norms, nor biases.
enum class WeightDecay { matrices, all };

// The program that a stage runs: its part of the model, forwards and, where it is trained,
// backwards, as the shard that it is.
Graph stage_graph(const LlamaConfig& config, const StageOptions& options);

class StageModel : private BlockWeights {
 public:
  StageModel(const LlamaConfig& config, const StageOptions& options, ThreadPool& pool);
  ~StageModel();

  bool is_first() const { return options_.stage == 0; }
  bool is_last() const { return options_.stage == options_.num_stages - 1; }
  Parameters& parameters() { return *parameters_; }
  const StageOptions& options() const { return options_; }
  int64_t hidden_size() const { return config_.hidden_size; }
  DType hidden_dtype() const { return options_.model.dtype; }

  void load(const WeightReader& reader);

  // Forward of one micro-batch, which stays in flight, with what backward needs, until finish().
  // `hidden` is the previous stage's output ([tokens, hidden_size], under sequence parallelism this
  // shard's tokens; null for the first stage) and `targets` the log_prob head's (i32 [tokens]);
  // both are kept alive as long as needed. `group` is the data slice of the micro-batch's gradient.
  void forward(int64_t micro_batch, std::shared_ptr<const Pack> pack,
               std::shared_ptr<const std::byte> hidden,
               std::shared_ptr<const std::vector<int32_t>> targets, Forward extent = Forward::whole,
               int group = 0);
  // "hidden" of a stage that is not the last; "log_prob", "entropy", "logits" or "values" of the
  // last. Valid until finish().
  const Tensor& output(int64_t micro_batch, const std::string& name) const;
  bool has_output(const std::string& name) const { return program_->graph().has_output(name); }

  // Whether this stage is trained by a loss that it asks for token by token: its log_prob head is
  // then visited once, by backward(micro_batch, loss) after forward() to the loss.
  bool asks_for_loss() const;
  void backward(int64_t micro_batch, const TokenLoss& loss);
  // Backward of all others. `gradients` holds an f32 pointer for each differentiated output of the
  // last stage
  // ("log_prob", "entropy"; "values"), or "hidden" (in hidden_dtype) from the next stage. Adds onto
  // the weights' gradients.
  void backward(int64_t micro_batch, const std::map<std::string, const void*>& gradients);
  // With splits_backward, backward() makes gradients of activations and what comes with them; this
  // makes the rest of the weights', in the order of micro-batches.
  void backward_of_weights(int64_t micro_batch);
  // The gradient to send to the previous stage, after backward(), until finish().
  const Tensor& hidden_gradient(int64_t micro_batch) const;
  void finish(int64_t micro_batch);

  // Where data ranks share weights (ZeRO 3), each works through as many micro-batches as the one
  // that has most; for one that it does not have it only takes part in what the others need.
  bool shares_weights() const;
  void attend_forward();
  void attend_backward();

  // The global batch's gradients; see graph/gradients.h.
  Gradients& gradients() { return *gradients_; }
  // Ends the global batch: sums its groups here, then with the other data ranks; absent: this rank
  // had no packs. All ranks call it.
  void finish_gradients(Presence presence = Presence::present);
  // Sum of squares of each whole weight's gradient in f64, after that. A tied weight is left out on
  // the stage that has only its head, so that it counts once. All ranks call it.
  std::map<std::string, double> gradient_squares();
  // One AdamW step on all weights, then new compute layouts; gradients are cleared. `step` counts
  // from 1.
  void apply_adamw(const AdamwOptions& options, int64_t step, float gradient_scale,
                   WeightDecay decay = WeightDecay::matrices);
  void reset_optimizer();  // no moments, no gradients
  // Moments as a checkpoint names them: <weight>/moment1_0, <weight>/moment2_0.
  void load_optimizer(const WeightReader& reader);
  bool has_moments() const;
  // A whole weight, and its moments, as a checkpoint has them; all ranks call it for the same
  // weights in the same order.
  enum class Part { weight, moment1, moment2 };
  std::vector<float> whole(const std::string& weight, Part part);
  Shape logical_shape(const std::string& weight) const;
  // The one among the ranks that have these weights which speaks for all.
  bool speaks() const { return options_.place.shard == 0 && options_.place.data_rank() == 0; }

  // For packs of up to `num_tokens` tokens, so many in flight; see graph/memory_forecast.h.
  MemoryForecast forecast_memory(int64_t num_tokens, int micro_batches = 1,
                                 int gradient_groups = 1) const;

  // The tied embedding, if this stage has only one of its two uses.
  std::optional<std::string> shared_weight() const;

 private:
  struct MicroBatch;
  MicroBatch& at(int64_t micro_batch) const;
  void expect(const Graph& graph, int block) override;
  void acquire(const Graph& graph, int block) override;
  void release(const Graph& graph, int block) override;
  template <class Body>
  void for_shared(const Graph& graph, int block, Body&& body);
  void attend(size_t first_node, size_t last_node);
  bool is_shared(const Parameter& parameter) const;
  void give_up(Parameter& parameter);  // all but this rank's elements
  void place_own(Parameter& parameter);
  void gather(Parameter& parameter);
  void update_weight(Parameter& parameter, const Parameters::Update& update);

  LlamaConfig config_;
  StageOptions options_;
  ThreadPool& pool_;
  std::unique_ptr<Program> program_;
  std::unique_ptr<Parameters> parameters_;
  std::unique_ptr<Gradients> gradients_;
  WeightShards shards_;
  std::map<int64_t, std::unique_ptr<MicroBatch>> in_flight_;
  std::map<Parameter*, uint64_t> expected_;  // tickets of the data group's calls
};

}  // namespace troupe
