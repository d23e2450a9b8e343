#include "graph/training/stage_model.h"

#include "base/error.h"
#include "base/repeated_rows.h"
#include "devices/cpu/background_calls.h"
#include "devices/cpu/thread_pool.h"
#include "graph/autodiff.h"
#include "graph/cut.h"
#include "graph/fuse.h"
#include "graph/parallel/overlap.h"
#include "graph/parallel/partition.h"
#include "graph/parallel/split_backward.h"
#include "kernels/attention/block_lists.h"

namespace troupe {
namespace {

constexpr const char* kEmbedding = "model.embed_tokens.weight";

bool asks_for_loss(const StageOptions& options) {
  return options.trainable == Trainable::yes && options.stage == options.num_stages - 1 &&
         options.model.head == Head::log_prob && options.loss_reach == LossReach::token;
}

std::vector<std::string> differentiated_outputs(const Graph& graph, const StageOptions& options) {
  std::vector<std::string> names;
  if (asks_for_loss(options)) return names;
  for (const auto& [name, id] : graph.outputs()) names.push_back(name);
  return names;
}

WeightPlan weight_plan(const LlamaConfig& config, const StageOptions& options) {
  const int slices = options.model.tensor_slices;
  return {plan_of_family("llama"), slices > 0 ? slices : default_slices(config),
          options.place.tensor_degree, options.place.overrides};
}

}  // namespace

Graph stage_graph(const LlamaConfig& config, const StageOptions& options) {
  CHECK(options.stage >= 0 && options.stage < options.num_stages, options.stage,
        options.num_stages);
  auto stages = cut_at_blocks(llama(config, options.model),
                              even_stages(config.num_hidden_layers, options.num_stages));
  Graph graph = std::move(stages.at(options.stage));
  if (options.trainable == Trainable::yes)
    append_backward(graph, differentiated_outputs(graph, options),
                    options.stage == 0 ? "" : "hidden", options.recompute);
  const auto& place = options.place;
  if (place.tensor_degree > 1)
    graph = partition(graph, {weight_plan(config, options), place.shard, place.sequence});
  if (options.splits_backward) split_backward(graph);
  fuse_neighbours(graph);
  if (place.tensor_degree > 1) make_room_beside_products(graph);
  return graph;
}

struct StageModel::MicroBatch {
  std::shared_ptr<const Pack> pack;
  std::unique_ptr<BlockLists> block_lists;
  RepeatedRows repeated_rows;
  std::shared_ptr<const std::byte> hidden;
  std::shared_ptr<const std::vector<int32_t>> targets;
  std::unique_ptr<Run> run;
};

StageModel::StageModel(const LlamaConfig& config, const StageOptions& options, ThreadPool& pool)
    : config_(config),
      options_(options),
      pool_(pool),
      shards_(weight_plan(config, options), options.place) {
  const bool trains = options.trainable == Trainable::yes;
  program_ =
      std::make_unique<Program>(stage_graph(config, options),
                                trains ? Lifetime::forward_and_backward : Lifetime::forward_only);
  const Graph* graphs[] = {&program_->graph()};
  parameters_ = std::make_unique<Parameters>(graphs, options.trainable, WeightFormat::dense,
                                             shares_weights() ? Resident::plain : Resident::all);
  if (trains) gradients_ = std::make_unique<Gradients>(program_->graph(), pool_);
}

StageModel::~StageModel() {
  if (!expected_.empty()) options_.place.data_calls->wait_for_all();
}

StageModel::MicroBatch& StageModel::at(int64_t micro_batch) const {
  auto found = in_flight_.find(micro_batch);
  CHECK(found != in_flight_.end(), micro_batch);
  return *found->second;
}

void StageModel::forward(int64_t micro_batch, std::shared_ptr<const Pack> pack,
                         std::shared_ptr<const std::byte> hidden,
                         std::shared_ptr<const std::vector<int32_t>> targets, Forward extent,
                         int group) {
  CHECK(extent == Forward::whole || asks_for_loss(), micro_batch, options_.stage);
  CHECK(!in_flight_.contains(micro_batch), micro_batch);
  check_pack(*pack, config_.vocab_size);
  CHECK(is_first() == (hidden == nullptr), options_.stage);
  auto batch = std::make_unique<MicroBatch>();
  batch->pack = std::move(pack);
  batch->hidden = std::move(hidden);
  batch->targets = std::move(targets);
  batch->block_lists = std::make_unique<BlockLists>(*batch->pack, false);
  batch->repeated_rows = find_repeated_rows(*batch->pack);
  const KernelContext context = {.pool = &pool_,
                                 .pack = batch->pack.get(),
                                 .block_lists = batch->block_lists.get(),
                                 .tensor_group = options_.place.tensor_group,
                                 .tensor_calls = options_.place.tensor_calls,
                                 .repeated_rows = &batch->repeated_rows};
  batch->run = std::make_unique<Run>(*program_, *parameters_, gradients_.get(), context,
                                     batch->pack->num_tokens(), group,
                                     shares_weights() ? static_cast<BlockWeights*>(this) : nullptr);
  if (batch->hidden) batch->run->bind("hidden", batch->hidden.get());
  if (program_->graph().find_input("targets") != kNoSymbol) {
    CHECK(batch->targets && batch->targets->size() == batch->pack->token_ids.size(), micro_batch);
    for (int32_t target : *batch->targets)
      CHECK(target >= -1 && target < config_.vocab_size, target, config_.vocab_size);
    batch->run->bind("targets", batch->targets->data());
  }
  extent == Forward::whole ? batch->run->forward() : batch->run->forward_to_loss();
  in_flight_[micro_batch] = std::move(batch);
}

const Tensor& StageModel::output(int64_t micro_batch, const std::string& name) const {
  return at(micro_batch).run->output(name);
}

void StageModel::backward(int64_t micro_batch,
                          const std::map<std::string, const void*>& gradients) {
  auto& run = *at(micro_batch).run;
  for (const auto& [name, data] : gradients) run.bind("gradient_of/" + name, data);
  options_.splits_backward ? run.backward_of_inputs() : run.backward();
}

void StageModel::backward_of_weights(int64_t micro_batch) {
  CHECK(options_.splits_backward, micro_batch, options_.stage);
  at(micro_batch).run->backward_of_weights();
}

bool StageModel::asks_for_loss() const {
  return troupe::asks_for_loss(options_);
}

void StageModel::backward(int64_t micro_batch, const TokenLoss& loss) {
  CHECK(asks_for_loss(), micro_batch, options_.stage);
  auto& run = *at(micro_batch).run;
  options_.splits_backward ? run.backward_of_inputs(loss) : run.backward(loss);
}

const Tensor& StageModel::hidden_gradient(int64_t micro_batch) const {
  return at(micro_batch).run->output("gradient_of/hidden");
}

void StageModel::finish(int64_t micro_batch) {
  in_flight_.erase(micro_batch);
}

std::optional<std::string> StageModel::shared_weight() const {
  const bool shares = config_.tie_word_embeddings && options_.num_stages > 1 &&
                      options_.model.head != Head::value && (is_first() || is_last());
  return shares ? std::optional<std::string>(kEmbedding) : std::nullopt;
}

MemoryForecast StageModel::forecast_memory(int64_t num_tokens, int micro_batches,
                                           int gradient_groups) const {
  return troupe::forecast_memory(program_->graph(),
                                 {.trainable = options_.trainable,
                                  .num_tokens = num_tokens,
                                  .micro_batches = micro_batches,
                                  .gradient_groups = gradient_groups,
                                  .data_ranks = options_.place.data_degree(),
                                  .zero = options_.place.zero,
                                  .offloads_optimizer = options_.moments_folder.has_value()});
}

}  // namespace troupe
