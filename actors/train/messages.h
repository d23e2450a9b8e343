// Messages of pipeline stages, packers and checkpoint writers. To add one: a struct with default
// member values, a TROUPE_MESSAGE line naming its members, and its name in the list at the end.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "actors/message.h"

namespace troupe {

// A pack, and what is known about each of its tokens. Row r stands at token r and predicts the next
// one: targets[r], the log-prob, the value and the advantage of token r + 1 are all in row r.
struct MicroBatch {
  int64_t index = 0;  // in the global batch's order
  int32_t group = 0;  // data slice whose gradient it belongs to
  std::vector<int32_t> token_ids, positions, sequence_starts;  // see base/pack.h
  std::vector<int32_t> targets;                                // [tokens], -1: none
  std::map<std::string, std::vector<float>> columns;           // [tokens] each
};
TROUPE_MESSAGE(MicroBatch, x.index, x.group, x.token_ids, x.positions, x.sequence_starts, x.targets,
               x.columns)

// What a batch is trained towards; `none` only runs forward.
enum class LossKind : uint8_t { none, nll, policy, value, ranking };

struct LossSpec {
  LossKind kind = LossKind::none;
  float scale = 0;  // 1 / the global count, known before the first backward
  double clip_ratio_low = 0.2, clip_ratio_high = 0.2, clip_ratio_c = 0;
  double entropy_coeff = 0, kl_loss_coef = 0;
  std::string kl_loss_type = "low_var_kl";  // verl's name
  double cliprange_value = 0;
  double mean_square_coefficient = 0;
};
TROUPE_MESSAGE(LossSpec, x.kind, x.scale, x.clip_ratio_low, x.clip_ratio_high, x.clip_ratio_c,
               x.entropy_coeff, x.kl_loss_coef, x.kl_loss_type, x.cliprange_value,
               x.mean_square_coefficient)

// To every stage of a role. The reply is BatchResult, when this stage has done its part.
struct RunBatch {
  int64_t batch = 0;  // unique in the role's life; the same for all its stages
  LossSpec loss;
  std::vector<MicroBatch> micro_batches;
};
TROUPE_MESSAGE(RunBatch, x.batch, x.loss, x.micro_batches)

// What the last stage read off: "log_prob", "entropy" or "values", [tokens] each.
struct MicroBatchOutput {
  int64_t index = 0;
  std::map<std::string, std::vector<float>> columns;
};
TROUPE_MESSAGE(MicroBatchOutput, x.index, x.columns)

struct MicroBatchSums {
  int64_t index = 0;
  std::map<std::string, double> sums;
};
TROUPE_MESSAGE(MicroBatchSums, x.index, x.sums)

struct BatchResult {
  std::vector<MicroBatchOutput> outputs;  // of the last stage, where the loss is `none`
  std::vector<MicroBatchSums> losses;     // of the last stage: metrics, by micro-batch
  std::map<std::string, double> sums;     // the same, of a whole role, over its micro-batches
  std::map<std::string, double> maxima;   // metrics of which the largest counts
  std::map<std::string, double> gradient_squares;  // by weight name
  int64_t busy_ns = 0;
};
TROUPE_MESSAGE(BatchResult, x.outputs, x.losses, x.sums, x.maxima, x.gradient_squares, x.busy_ns)

// One AdamW step on the gradients that the last batch left. The reply is StageDone.
struct ApplyUpdate {
  int64_t step = 0;  // from 1, since the optimizer's state was made
  float gradient_scale = 1;
  double lr = 0, beta1 = 0.9, beta2 = 0.999, eps = 1e-8, weight_decay = 0;
};
TROUPE_MESSAGE(ApplyUpdate, x.step, x.gradient_scale, x.lr, x.beta1, x.beta2, x.eps, x.weight_decay)

// Takes all weights from a model folder or file, f32 masters where there are some; "" makes new
// ones from the run's seed. The optimizer starts anew, or as a checkpoint has it. The reply is
// StageDone.
struct LoadWeights {
  enum class Head : uint8_t { from_file, zero };  // a value head may not be in the file
  enum class Optimizer : uint8_t { fresh, from_file };
  std::string path;
  Head head = Head::from_file;
  Optimizer optimizer = Optimizer::fresh;
};
TROUPE_MESSAGE(LoadWeights, x.path, x.head, x.optimizer)

// Sends this stage's weights to the role's weight store, as tensors. The reply is StageDone.
struct PublishShard {
  int64_t version = 0;
};
TROUPE_MESSAGE(PublishShard, x.version)

// Hands a copy of this stage's weights (and optimizer state) to its node's checkpoint writer. The
// reply is ShardsWritten.
struct SaveShard {
  std::string folder;       // the checkpoint's .partial folder
  std::string kind_prefix;  // "" for the policy, "critic/" ...
  bool with_optimizer = false;
  caf::strong_actor_ptr writer;  // on this stage's node
};
TROUPE_MESSAGE(SaveShard, x.folder, x.kind_prefix, x.with_optimizer, x.writer)

struct ShardsWritten {
  std::vector<std::string> shards;  // ShardInfo as JSON (storage/checkpoint)
};
TROUPE_MESSAGE(ShardsWritten, x.shards)

struct StageDone {
  int64_t num_weights = 0;
};
TROUPE_MESSAGE(StageDone, x.num_weights)

// To every actor that needs others, once all of them exist: their handles by address.
struct Peers {
  std::map<std::string, caf::strong_actor_ptr> actors;
  caf::strong_actor_ptr find(const std::string& address) const;  // throws when there is none
};
TROUPE_MESSAGE(Peers, x.actors)

// To a weight store: ask the stages for version `version`, and tell every follower. The reply is
// StageDone, when all of them hold it.
struct PublishVersion {
  int64_t version = 0;
};
TROUPE_MESSAGE(PublishVersion, x.version)

// A follower to the weight store: all tensors of this version are in use.
struct VersionLoaded {
  int64_t version = 0;
  std::string follower;
};
TROUPE_MESSAGE(VersionLoaded, x.version, x.follower)

// The weight store to a follower: so many tensors of this version are on their way.
struct VersionComing {
  int64_t version = 0;
  int64_t num_weights = 0;
  caf::strong_actor_ptr weight_store;
};
TROUPE_MESSAGE(VersionComing, x.version, x.num_weights, x.weight_store)

}  // namespace troupe

// By hand: clang-format lays such lists out anew each time that it runs.
// clang-format off
#define TROUPE_TRAIN_MESSAGES(ADD) \
  ADD(Peers) ADD(MicroBatch) ADD(LossSpec) ADD(RunBatch) ADD(MicroBatchOutput) ADD(MicroBatchSums) \
  ADD(BatchResult) ADD(ApplyUpdate) ADD(LoadWeights) ADD(PublishShard) ADD(SaveShard) \
  ADD(ShardsWritten) ADD(StageDone) ADD(PublishVersion) ADD(VersionLoaded) \
  ADD(VersionComing)
// clang-format on
