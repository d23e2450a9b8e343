#include "graph/fuse.h"

#include <algorithm>
#include <optional>

#include "kernels/elementwise/add.h"
#include "kernels/elementwise/add_bias.h"
#include "kernels/elementwise/swiglu.h"
#include "kernels/matmul/linear.h"
#include "kernels/matmul/linear_group.h"
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

bool is_group(const GraphNode& node) {
  return node.op == &linear_group || node.op == &linear_group_bias || node.op == &norm_linear_group;
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

// A place for every bias: behind the weights, in front of what else a fused product reads.
void make_room_for_biases(GraphNode& product) {
  if (product.op == &linear || product.op == &linear_group)
    product.inputs.resize(1 + 2 * product.outputs.size(), kNoSymbol);
}

std::optional<GraphNode> product_and_bias(const GraphNode& product, const GraphNode& bias,
                                          const std::vector<int>& readers) {
  if (bias.op != &add_bias || !(is_group(product) || product.op == &linear)) return {};
  const auto output = std::ranges::find(product.outputs, bias.inputs[0]);
  if (output == product.outputs.end() || readers[*output] != 1) return {};
  const auto index = static_cast<size_t>(output - product.outputs.begin());
  const size_t count = product.outputs.size();
  GraphNode together = product;
  make_room_for_biases(together);
  if (product.op == &linear) together.op = &linear_bias;
  if (product.op == &linear_group) together.op = &linear_group_bias;
  together.inputs[1 + count + index] = bias.inputs[1];
  together.outputs[index] = bias.outputs[0];
  return together;
}

std::optional<GraphNode> product_and_swiglu(const GraphNode& product, const GraphNode& gate) {
  if (gate.op != &swiglu || !is_group(product) || product.outputs != gate.inputs) return {};
  GraphNode together = product;
  together.op = product.op == &norm_linear_group ? &norm_linear_group_swiglu : &linear_group_swiglu;
  together.outputs.push_back(gate.outputs[0]);
  return together;
}

std::optional<GraphNode> product_and_residual(const GraphNode& product, const GraphNode& sum,
                                              const std::vector<int>& readers) {
  if (sum.op != &add_op || !(product.op == &linear || product.op == &linear_bias)) return {};
  const ValueId y = product.outputs[0], residual = sum.inputs[sum.inputs[0] == y ? 1 : 0];
  if (std::ranges::count(sum.inputs, y) != 1 || readers[y] != 1) return {};
  GraphNode together = product;
  make_room_for_biases(together);
  together.op = &linear_residual;
  together.inputs.push_back(residual);
  together.outputs = sum.outputs;
  return together;
}

std::optional<GraphNode> norm_and_products(const GraphNode& norm, const GraphNode& products,
                                           const std::vector<int>& readers) {
  const ValueId normed = norm.outputs[0];
  if (norm.op != &rms_norm || products.op != &linear_group || products.inputs[0] != normed ||
      readers[normed] != 1)
    return {};
  GraphNode together = products;
  make_room_for_biases(together);
  together.op = &norm_linear_group;
  together.inputs[0] = norm.inputs[0];
  together.inputs.push_back(norm.inputs[1]);
  together.attributes.epsilon = norm.attributes.epsilon;
  return together;
}

}  // namespace

// A sum goes to the norm that reads it where that stays an op of its own, and only else to the
// product before it: then no row is visited once more.
void fuse_neighbours(Graph& graph) {
  const auto readers = count_readers(graph);
  graph.merge_neighbours([&](const GraphNode& first, const GraphNode& second) {
    return norm_and_products(first, second, readers);
  });
  graph.merge_neighbours([&](const GraphNode& first, const GraphNode& second) {
    auto together = residual_and_norm(first, second);
    if (!together) together = norm_gradient_and_sum(first, second, readers);
    if (!together) together = product_and_bias(first, second, readers);
    return together ? together : product_and_swiglu(first, second);
  });
  graph.merge_neighbours([&](const GraphNode& first, const GraphNode& second) {
    return product_and_residual(first, second, readers);
  });
}

}  // namespace troupe
