#include "graph/fuse.h"

#include <optional>

#include "kernels/elementwise/add.h"
#include "kernels/norm/add_rms_norm.h"
#include "kernels/norm/rms_norm.h"

namespace troupe {
namespace {

std::vector<int> count_readers(const Graph& graph) {
  std::vector<int> readers(graph.values().size(), 0);
  for (const auto& [name, id] : graph.outputs()) ++readers[id];
  for (const GraphNode& node : graph.nodes())
    for (ValueId id : node.inputs)
      if (id != kNoSymbol) ++readers[id];
  return readers;
}

std::optional<GraphNode> residual_and_norm(const GraphNode& sum, const GraphNode& norm) {
  if (sum.op != &add_op || norm.op != &rms_norm || norm.inputs[0] != sum.outputs[0]) return {};
  return GraphNode{&add_rms_norm,
                   {sum.inputs[0], sum.inputs[1], norm.inputs[1]},
                   {sum.outputs[0], norm.outputs[0]},
                   norm.attributes,
                   norm.block};
}

std::optional<GraphNode> norm_gradient_and_sum(const GraphNode& gradient, const GraphNode& sum,
                                               const std::vector<int>& readers) {
  if (gradient.op != &rms_norm_gradient || sum.op != &add_op) return {};
  const ValueId dx = gradient.outputs[0];
  if (sum.inputs[1] != dx || readers[dx] != 1) return {};
  GraphNode together = {&add_rms_norm_gradient, gradient.inputs, sum.outputs, gradient.attributes,
                        sum.block};
  together.inputs.push_back(sum.inputs[0]);
  return together;
}

}  // namespace

void fuse_neighbours(Graph& graph) {
  const auto readers = count_readers(graph);
  graph.merge_neighbours([&](const GraphNode& first, const GraphNode& second) {
    auto together = residual_and_norm(first, second);
    return together ? together : norm_gradient_and_sum(first, second, readers);
  });
}

}  // namespace troupe
