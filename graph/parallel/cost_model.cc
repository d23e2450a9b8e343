#include "graph/parallel/cost_model.h"

#include <algorithm>
#include <cmath>
#include <map>

#include "graph/memory_forecast.h"
#include "graph/parallel/schedule_check.h"
#include "graph/parallel/schedule_simulator.h"

namespace troupe {
namespace {

constexpr double kFloat = 4;

double query_columns(const LlamaConfig& model) {
  return static_cast<double>(model.num_attention_heads) * model.head_dim;
}
double key_columns(const LlamaConfig& model) {
  return static_cast<double>(model.num_key_value_heads) * model.head_dim;
}

// A link between ranks that are `stride` apart and `count` many.
struct PlanLink {
  double bandwidth, latency;
  double seconds(double bytes, int messages) const {
    return bytes / bandwidth + messages * latency;
  }
};

PlanLink link_of(const Hardware& hardware, int stride, int count) {
  const bool inside = stride * count <= hardware.devices_per_host;
  return inside ? PlanLink{hardware.host_bandwidth, hardware.host_latency}
                : PlanLink{hardware.network_bandwidth, hardware.network_latency};
}

// Tables and their costs come back for many choices: an idle share depends on these alone.
struct PipelineShape {
  std::string schedule;
  int ranks, chunks;
  int64_t micro_batches;
  int backward_share;  // of a forward, in eighths
  auto operator<=>(const PipelineShape&) const = default;
};
struct PipelineCost {
  double forwards;  // the makespan, in a chunk's forwards
  double bubble;
  int64_t most_held;
};

// Longer batches go on as their middle does.
constexpr int64_t kSimulatedRounds = 6;

PipelineCost simulate_pipeline(const PipelineShape& shape) {
  const Schedule& schedule = schedule_named(shape.schedule);
  const double half = shape.backward_share / 16.0;
  const auto run = [&](int64_t count) {
    const PipelineSize size = {shape.ranks, count, shape.chunks};
    const auto table = make_table(schedule, size);
    const auto simulation = simulate(schedule, size, table, {{{1, half, half}}});
    return std::pair(simulation, std::ranges::max(most_held(table)));
  };
  const int64_t most = std::max<int64_t>(kSimulatedRounds * shape.ranks, 32);
  const int64_t count = std::min(shape.micro_batches, most);
  const auto [simulation, held] = run(count);
  const double each = shape.chunks * (1 + 2 * half);
  const double forwards =
      simulation.makespan + static_cast<double>(shape.micro_batches - count) * each;
  const double busy = static_cast<double>(shape.micro_batches) * each;
  const bool keeps_all = shape.schedule == "gpipe";
  return {forwards, 1 - busy / forwards, keeps_all ? shape.micro_batches : held};
}

PipelineCost pipeline_cost(const PipelineShape& shape) {
  static thread_local std::map<PipelineShape, PipelineCost> known;
  const auto [at, is_new] = known.try_emplace(shape);
  if (is_new) at->second = simulate_pipeline(shape);
  return at->second;
}

class Costing {
 public:
  Costing(const TrainingWork& work, const Hardware& hardware, const PlanChoice& choice)
      : work_(work),
        model_(work.model),
        hardware_(hardware),
        choice_(choice),
        mesh_(choice.mesh),
        layers_(std::ceil(static_cast<double>(model_.num_hidden_layers) /
                          (mesh_.pipeline * choice.num_chunks))) {}

  PlanCost run() {
    PlanCost cost;
    const auto packs =
        static_cast<double>(work_.batch_tokens) / static_cast<double>(work_.pack_tokens);
    const auto micro_batches = static_cast<int64_t>(std::ceil(packs / mesh_.data));
    const auto tokens = static_cast<double>(work_.pack_tokens);
    const double rate = work_.dtype == DType::bf16 ? hardware_.bf16_flops : hardware_.f32_flops;
    // The last stage has the head beside its layers.
    const double forward_flops = tokens *
                                 (layers_ * layer_flops(model_, work_.sequence_length) +
                                  head_flops(model_) / choice_.num_chunks) /
                                 mesh_.tensor;
    const double again_flops =
        forward_flops * recomputed_share(model_, work_.sequence_length, choice_.recompute);
    const double again = collectives_again();
    const double collectives = layers_ * tensor_seconds(tokens);
    cost.forward_seconds = forward_flops / rate + collectives + hop_seconds(tokens);
    const double backward_seconds =
        (2 * forward_flops + again_flops) / rate + (1 + again) * collectives + hop_seconds(tokens);
    const int share = static_cast<int>(std::lround(8 * backward_seconds / cost.forward_seconds));
    const auto pipeline =
        pipeline_cost({choice_.schedule, mesh_.pipeline, choice_.num_chunks, micro_batches, share});
    cost.bubble = pipeline.bubble;
    cost.tensor_seconds =
        static_cast<double>(micro_batches) * choice_.num_chunks * (2 + again) * collectives;
    cost.data_seconds = data_seconds(micro_batches);
    cost.step_seconds = pipeline.forwards * cost.forward_seconds + cost.data_seconds;
    cost.flops = 3 * static_cast<double>(work_.batch_tokens) *
                 (model_.num_hidden_layers * layer_flops(model_, work_.sequence_length) +
                  head_flops(model_));
    cost.sent_bytes = sent_;
    fill_bytes(pipeline.most_held, micro_batches, tokens, cost.bytes);
    return cost;
  }

 private:
  // Of a layer's two pairs of collectives: attention's products need its input once more where
  // shards have only their tokens of it.
  double collectives_again() const {
    if (choice_.recompute == Recompute::layer) return 1;
    return choice_.recompute == Recompute::attention && choice_.sequence ? 0.25 : 0;
  }

  // Of a layer of one micro-batch: two sums of [tokens, hidden] in f32, which sequence parallelism
  // scatters and gathers again in the model's dtype.
  double tensor_seconds(double tokens) {
    if (mesh_.tensor == 1) return 0;
    const double size = tokens * model_.hidden_size;
    const double whole = all_reduce_bytes(size * kFloat, mesh_.tensor);
    const double own = static_cast<double>(size_of(work_.dtype));
    const double bytes =
        choice_.sequence ? whole / 2 + all_reduce_bytes(size * own, mesh_.tensor) / 2 : whole;
    sent_ += 2 * bytes * layers_ * choice_.num_chunks;
    return 2 * link_of(hardware_, 1, mesh_.tensor).seconds(bytes, 2);
  }

  double hop_seconds(double tokens) {
    if (mesh_.pipeline == 1) return 0;
    const double bytes = tokens * model_.hidden_size * static_cast<double>(size_of(work_.dtype)) /
                         (choice_.sequence ? mesh_.tensor : 1);
    sent_ += bytes;
    return link_of(hardware_, mesh_.tensor, mesh_.pipeline).seconds(bytes, 1);
  }

  // Parameters of the device that has most: its layers, and the vocabulary on the first and last.
  double parameters() const {
    const bool both = mesh_.pipeline == 1 || choice_.schedule == "zbv";
    const double vocabulary =
        vocabulary_parameters(model_) * (both && !model_.tie_word_embeddings ? 2 : 1);
    return (layers_ * choice_.num_chunks * layer_parameters(model_) + vocabulary) / mesh_.tensor;
  }

  double data_seconds(int64_t micro_batches) {
    if (mesh_.data == 1) return 0;
    const auto link = link_of(hardware_, mesh_.tensor * mesh_.pipeline, mesh_.data);
    const double gradients = all_reduce_bytes(parameters() * kFloat, mesh_.data);
    double bytes = gradients;
    if (choice_.zero == Zero::optimizer) bytes += gradients / 2;  // weights come back
    if (choice_.zero == Zero::weights)                            // at each use
      bytes = gradients / 2 * (1 + 2 * static_cast<double>(micro_batches));
    sent_ += bytes;
    return link.seconds(bytes, 2 * model_.num_hidden_layers);
  }

  void fill_bytes(int64_t held, int64_t micro_batches, double tokens, PlanBytes& bytes) const {
    const double own = static_cast<double>(size_of(work_.dtype));
    const auto shared = [&](Zero from) { return choice_.zero >= from ? 1.0 / mesh_.data : 1.0; };
    // Masters in f32, and what products read, forwards and backwards.
    bytes.weights = parameters() * (kFloat + 2 * own) * shared(Zero::weights);
    const auto groups = std::min<int64_t>(work_.data_slices / mesh_.data, micro_batches);
    bytes.gradients =
        parameters() * kFloat * gradient_buffers(static_cast<int>(std::max<int64_t>(1, groups)));
    bytes.optimizer = parameters() * 2 * kFloat * shared(Zero::optimizer);
    bytes.activations = static_cast<double>(held) * tokens * layers_ *
                        layer_activation_bytes(model_, work_.dtype, mesh_.tensor, choice_.sequence,
                                               choice_.recompute);
    if (choice_.recompute != Recompute::none)  // of the layer at work
      bytes.activations += tokens * layer_activation_bytes(model_, work_.dtype, mesh_.tensor,
                                                           choice_.sequence, Recompute::none);
    bytes.communication = 2 * tokens * model_.hidden_size * kFloat;
  }

  const TrainingWork& work_;
  const LlamaConfig& model_;
  const Hardware& hardware_;
  const PlanChoice& choice_;
  const Mesh& mesh_;
  double layers_;  // of a chunk
  double sent_ = 0;
};

}  // namespace

std::string to_string(const PlanChoice& choice) {
  const auto number = [](int value) { return std::to_string(value); };
  std::string text = "pipeline " + number(choice.mesh.pipeline) + ", data " +
                     number(choice.mesh.data) + ", tensor " + number(choice.mesh.tensor);
  if (choice.mesh.pipeline > 1) text += ", " + choice.schedule;
  if (choice.num_chunks > 1) text += " of " + number(choice.num_chunks) + " chunks";
  if (choice.sequence) text += ", sequence";
  if (choice.zero != Zero::none) text += ", zero " + number(static_cast<int>(choice.zero));
  if (choice.recompute != Recompute::none)
    text += ", recompute " + std::string(name_of(choice.recompute));
  return text;
}

double layer_parameters(const LlamaConfig& model) {
  const double hidden = model.hidden_size, q = query_columns(model), k = key_columns(model);
  return hidden * (2 * q + 2 * k) + 3 * hidden * model.intermediate_size + 2 * hidden;
}

double vocabulary_parameters(const LlamaConfig& model) {
  return static_cast<double>(model.vocab_size) * model.hidden_size;
}

// A causal row sees half of its sequence, on average.
double layer_flops(const LlamaConfig& model, int64_t sequence_length) {
  return 2 * (layer_parameters(model) - 2.0 * model.hidden_size) +
         2 * query_columns(model) * static_cast<double>(sequence_length);
}

double head_flops(const LlamaConfig& model) {
  return 2 * vocabulary_parameters(model);
}

double recomputed_share(const LlamaConfig& model, int64_t sequence_length, Recompute recompute) {
  if (recompute != Recompute::attention) return recompute == Recompute::layer ? 1 : 0;
  const double q = query_columns(model), k = key_columns(model);
  const double products = 2.0 * model.hidden_size * (q + 2 * k);
  return (products + 2 * q * static_cast<double>(sequence_length)) /
         layer_flops(model, sequence_length);
}

double layer_activation_bytes(const LlamaConfig& model, DType dtype, int tensor, bool sequence,
                              Recompute recompute) {
  const double own = static_cast<double>(size_of(dtype));
  const double hidden = static_cast<double>(model.hidden_size) / (sequence ? tensor : 1);
  if (recompute == Recompute::layer) return own * hidden;
  const double q = query_columns(model), k = key_columns(model);
  if (recompute == Recompute::attention)
    return own * (4 * hidden + 3.0 * model.intermediate_size / tensor);
  // Hidden states before and behind each norm; q and k before and behind their rotation, v and what
  // attention makes of them; gate, up and their product.
  const double sharded = 3 * q + 3 * k + 3.0 * model.intermediate_size;
  return own * (4 * hidden + sharded / tensor) + kFloat * model.num_attention_heads / tensor;
}

double all_reduce_bytes(double bytes, int ranks) {
  return 2 * bytes * (ranks - 1) / ranks;
}

PlanCost cost_of(const TrainingWork& work, const Hardware& hardware, const PlanChoice& choice) {
  return Costing(work, hardware, choice).run();
}

}  // namespace troupe
