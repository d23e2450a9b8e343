#include "graph/memory_forecast.h"

#include <algorithm>
#include <bit>
#include <map>
#include <numeric>

#include "graph/program.h"
#include "kernels/loss/head_log_prob.h"
#include "kernels/matmul/matmul.h"

namespace troupe {
namespace {

// A weight's uses: a tied one has two.
struct Uses {
  Value value;
  bool plain = false, table = false, matmul = false;
};

std::map<std::string, Uses> weights_of(const Graph& graph) {
  std::map<std::string, Uses> weights;
  for (ValueId id : graph.values_of_kind(ValueKind::weight)) {
    const Value& value = graph.value(id);
    auto& uses = weights[value.name];
    uses.value = value;
    uses.plain |= value.layout == WeightLayout::plain;
    uses.table |= value.layout == WeightLayout::table;
    uses.matmul |= value.layout == WeightLayout::matmul;
  }
  return weights;
}

void add_weight(const Uses& uses, bool trains, MemoryForecast& forecast) {
  const Value& value = uses.value;
  const int64_t elements = num_elements(value.shape), floats = elements * 4;
  const bool bf16 = value.dtype == DType::bf16;
  if (trains || uses.plain || (uses.table && !bf16)) forecast.of(MemoryClass::weights) += floats;
  if (uses.table && bf16) forecast.of(MemoryClass::weights) += elements * 2;
  if (uses.matmul)
    forecast.of(MemoryClass::packed_weights) +=
        packed_bytes(value.shape[0], value.shape[1], value.dtype) +
        (trains ? packed_bytes(value.shape[1], value.shape[0], value.dtype) : 0);
  if (trains) forecast.of(MemoryClass::optimizer) += 2 * floats;
}

// Finished subtrees of groups that wait while the last group is added: as a binary counter counts.
int most_trees(int groups) {
  int most = 0;
  for (int ended = 1; ended < groups; ++ended)
    most = std::max(most, std::popcount(static_cast<unsigned>(ended)));
  return most;
}

// The largest operands of a weight's gradient, and the head's logits.
int64_t scratch_bytes(const Graph& graph, const ForecastOptions& options) {
  int64_t operands = 0, head = 0;
  const bool trains = options.trainable == Trainable::yes;
  int64_t rows = 0, panels = 0;
  for (const auto& [name, uses] : weights_of(graph)) {
    if (!uses.matmul) continue;
    const auto& shape = uses.value.shape;
    const bool is_head = uses.value.name.ends_with("lm_head.weight") || uses.table;
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
  return std::accumulate(bytes.begin(), bytes.end(), int64_t{0});
}

MemoryForecast forecast_memory(const Graph& graph, const ForecastOptions& options) {
  const bool trains = options.trainable == Trainable::yes;
  MemoryForecast forecast;
  for (const auto& [name, uses] : weights_of(graph)) add_weight(uses, trains, forecast);
  for (ValueId id : graph.values_of_kind(ValueKind::weight_gradient))
    forecast.of(MemoryClass::gradients) +=
        num_elements(graph.value(id).shape) * 4 * (1 + most_trees(options.gradient_groups));
  const auto lifetime = trains ? Lifetime::forward_and_backward : Lifetime::forward_only;
  const auto plan = plan_memory(graph, lifetime, planned_tokens(options.num_tokens));
  forecast.of(MemoryClass::activations) = plan.arena_bytes * options.micro_batches;
  forecast.of(MemoryClass::scratch) = scratch_bytes(graph, options);
  return forecast;
}

}  // namespace troupe
