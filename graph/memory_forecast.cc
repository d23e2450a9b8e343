#include "graph/memory_forecast.h"

#include <algorithm>
#include <bit>
#include <map>

#include "base/error.h"
#include "graph/program.h"
#include "kernels/loss/head_log_prob.h"
#include "kernels/matmul/matmul.h"

namespace troupe {
namespace {

// A weight's uses: a tied one has two.
struct Uses {
  Value value;
  bool plain = false, table = false, matmul = false;
  bool quantized = false;
};

std::map<std::string, Uses> weights_of(const Graph& graph, WeightFormat format) {
  std::map<std::string, Uses> weights;
  for (ValueId id : graph.values_of_kind(ValueKind::weight)) {
    const Value& value = graph.value(id);
    auto& uses = weights[value.name];
    uses.value = value;
    uses.plain |= value.layout == WeightLayout::plain;
    uses.table |= value.layout == WeightLayout::table;
    uses.matmul |= value.layout == WeightLayout::matmul;
  }
  for (auto& [name, uses] : weights)
    uses.quantized = format == WeightFormat::int8 && !uses.plain && (uses.table || uses.matmul);
  return weights;
}

// The layout that is made when the backward pass of a product first asks for it.
int64_t transposed_bytes(const Uses& uses) {
  const Value& value = uses.value;
  return uses.matmul ? packed_bytes(value.shape[1], value.shape[0], value.dtype) : 0;
}

bool keeps_master(const Uses& uses, bool trains) {
  return trains || uses.plain || (uses.table && uses.value.dtype != DType::bf16 && !uses.quantized);
}

// The largest f32 values that a weight takes its own from and gives up.
int64_t largest_passing_master(const std::map<std::string, Uses>& weights, bool trains) {
  int64_t most = 0;
  for (const auto& [name, uses] : weights)
    if (!keeps_master(uses, trains)) most = std::max(most, 4 * num_elements(uses.value.shape));
  return most;
}

// What a weight takes with the layouts that kernels read.
void add_weight(const Uses& uses, bool trains, MemoryForecast& forecast) {
  const Value& value = uses.value;
  if (uses.quantized) {
    forecast.of(MemoryClass::packed_weights) +=
        quantized_bytes(BlockType::q8_0, value.shape[0], value.shape[1]);
    return;
  }
  const int64_t elements = num_elements(value.shape), floats = elements * 4;
  const bool bf16 = value.dtype == DType::bf16;
  if (keeps_master(uses, trains)) forecast.of(MemoryClass::weights) += floats;
  if (uses.table && bf16) forecast.of(MemoryClass::weights) += elements * 2;
  if (uses.matmul)
    forecast.of(MemoryClass::packed_weights) +=
        packed_bytes(value.shape[0], value.shape[1], value.dtype) +
        (trains ? transposed_bytes(uses) : 0);
}

// This rank's elements where the data ranks share them.
int64_t own_floats(const Uses& uses, const ForecastOptions& options) {
  return 4 * ((num_elements(uses.value.shape) + options.data_ranks - 1) / options.data_ranks);
}

bool shares(const ForecastOptions& options, Zero what) {
  return options.data_ranks > 1 && options.zero >= what;
}

// The shared weights that are there at a time, the most of each class: those of a block, and the
// values of one beside it that come next.
MemoryForecast largest_block(const Graph& graph, const std::map<std::string, Uses>& weights) {
  std::map<int, std::map<std::string, bool>> blocks;  // and whether a product reads it there
  for (const GraphNode& node : graph.nodes())
    for (ValueId id : node.inputs)
      if (id != kNoSymbol && graph.value(id).kind == ValueKind::weight &&
          !weights.at(graph.value(id).name).plain)
        blocks[node.block][graph.value(id).name] |= graph.value(id).layout == WeightLayout::matmul;
  const auto values_of = [&](int block) {
    int64_t floats = 0;
    if (const auto found = blocks.find(block); found != blocks.end())
      for (const auto& [name, in_product] : found->second)
        floats += 4 * num_elements(weights.at(name).value.shape);
    return floats;
  };
  MemoryForecast most;
  for (const auto& [block, names] : blocks) {
    MemoryForecast forecast;
    forecast.of(MemoryClass::weights) = std::max(values_of(block - 1), values_of(block + 1));
    for (const auto& [name, in_product] : names) {
      add_weight(weights.at(name), true, forecast);
      if (!in_product)
        forecast.of(MemoryClass::packed_weights) -= transposed_bytes(weights.at(name));
    }
    for (int i = 0; i < kNumMemoryClasses; ++i)
      most.bytes[i] = std::max(most.bytes[i], forecast.bytes[i]);
  }
  return most;
}

MemoryForecast weights_forecast(const Graph& graph, const ForecastOptions& options) {
  CHECK(options.weights != WeightFormat::native);
  const auto weights = weights_of(graph, options.weights);
  const bool trains = options.trainable == Trainable::yes;
  const bool shared = shares(options, Zero::weights);
  MemoryForecast forecast = shared ? largest_block(graph, weights) : MemoryForecast{};
  forecast.of(MemoryClass::weights) += largest_passing_master(weights, trains);
  const auto moments =
      options.offloads_optimizer ? MemoryClass::offloaded_optimizer : MemoryClass::optimizer;
  for (const auto& [name, uses] : weights) {
    if (shared && !uses.plain)
      forecast.of(MemoryClass::weights) += own_floats(uses, options);
    else
      add_weight(uses, trains, forecast);
    if (trains)
      forecast.of(moments) +=
          2 * (shares(options, Zero::optimizer) ? own_floats(uses, options)
                                                : 4 * num_elements(uses.value.shape));
  }
  return forecast;
}

// A tied embedding is the head's weight also where it is not a table.
bool is_head_weight(const std::string& name) {
  return name.ends_with("lm_head.weight") || name.ends_with("embed_tokens.weight");
}

// The largest operands of a weight's gradient, and the head's logits.
int64_t scratch_bytes(const Graph& graph, const ForecastOptions& options) {
  int64_t operands = 0, head = 0;
  const bool trains = options.trainable == Trainable::yes;
  int64_t rows = 0, panels = 0;
  for (const auto& [name, uses] : weights_of(graph, options.weights)) {
    if (!uses.matmul) continue;
    const auto& shape = uses.value.shape;
    const bool is_head = is_head_weight(uses.value.name);
    const int64_t tokens =
        is_head ? std::min(options.num_tokens, head_chunk_rows(shape[0])) : options.num_tokens;
    const auto bytes = weight_gradient_bytes(tokens, shape[0], shape[1], uses.value.dtype);
    rows = std::max(rows, bytes.rows);
    panels = std::max(panels, bytes.panels);
    if (is_head) head = head_bytes(tokens, shape[0], shape[1], uses.value.dtype, trains);
  }
  if (trains) operands = rows + panels;
  return operands + head;
}

}  // namespace

int64_t MemoryForecast::total() const {
  int64_t sum = 0;
  for (int i = 0; i < kNumMemoryClasses; ++i)
    if (is_in_memory(static_cast<MemoryClass>(i))) sum += bytes[i];
  return sum;
}

// Subtrees wait as a binary counter counts, while the last group is added.
int gradient_buffers(int groups) {
  int most = 0;
  for (int ended = 1; ended < groups; ++ended)
    most = std::max(most, std::popcount(static_cast<unsigned>(ended)));
  return 1 + most;
}

MemoryForecast forecast_memory(const Graph& graph, const ForecastOptions& options) {
  const bool trains = options.trainable == Trainable::yes;
  MemoryForecast forecast = weights_forecast(graph, options);
  for (ValueId id : graph.values_of_kind(ValueKind::weight_gradient))
    forecast.of(MemoryClass::gradients) +=
        num_elements(graph.value(id).shape) * 4 * gradient_buffers(options.gradient_groups);
  const auto lifetime = trains ? Lifetime::forward_and_backward : Lifetime::forward_only;
  const auto plan = plan_memory(graph, lifetime, planned_tokens(options.num_tokens));
  forecast.of(MemoryClass::activations) = plan.arena_bytes * options.micro_batches;
  forecast.of(MemoryClass::scratch) = scratch_bytes(graph, options);
  return forecast;
}

}  // namespace troupe
