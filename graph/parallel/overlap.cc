#include "graph/parallel/overlap.h"

#include <algorithm>

#include "kernels/collective/collective.h"
#include "kernels/matmul/linear.h"

namespace troupe {
namespace {

bool reads(const GraphNode& node, std::span<const ValueId> values) {
  return std::ranges::any_of(values, [&](ValueId id) {
    return id != kNoSymbol && std::ranges::find(node.inputs, id) != node.inputs.end();
  });
}

bool is_product(const Graph& graph, const GraphNode& node) {
  const auto is_matrix = [&](ValueId id) {
    return id != kNoSymbol && graph.value(id).layout == WeightLayout::matmul;
  };
  return std::ranges::any_of(node.inputs, is_matrix) ||
         std::ranges::any_of(node.outputs, is_matrix);
}

// Where a run stops and its outputs are read: a collective that began before is done by then.
size_t end_of_part(const Graph& graph, size_t node) {
  for (size_t end : {graph.num_forward_nodes(), graph.first_weight_gradient_node()})
    if (node < end) return end;
  return graph.nodes().size();
}

void move_up(std::vector<GraphNode>& nodes, size_t from, size_t to) {
  const auto at = [&](size_t node) { return nodes.begin() + static_cast<int64_t>(node); };
  std::rotate(at(to), at(from), at(from + 1));
}

// The sum at `sum` and the product whose addend it takes, before weight gradients that precede
// them.
void sum_early(std::vector<GraphNode>& nodes, size_t sum, size_t begin) {
  const bool sums = nodes[sum].op == &all_reduce || nodes[sum].op == &reduce_scatter;
  if (!sums || sum < begin + 2 || !reads(nodes[sum], nodes[sum - 1].outputs)) return;
  const auto& product = nodes[sum - 1];
  size_t to = sum - 1;
  while (to > begin && nodes[to - 1].op == &linear_weight_gradient &&
         nodes[to - 1].block == product.block)
    --to;
  move_up(nodes, sum - 1, to);
  move_up(nodes, sum, to + 1);
}

// The node behind which a gather can be put, of those of its block that lead up to it: what makes
// its input.
size_t earliest(const std::vector<GraphNode>& nodes, size_t gather, size_t begin) {
  size_t at = gather;
  while (at > begin && nodes[at - 1].block == nodes[gather].block &&
         !reads(nodes[gather], nodes[at - 1].outputs))
    --at;
  return at;
}

void gather_early(const Graph& graph, std::vector<GraphNode>& nodes, size_t gather, size_t begin) {
  const size_t first = earliest(nodes, gather, begin);
  size_t product = gather;
  while (product > first && !is_product(graph, nodes[product - 1])) --product;
  if (product > first) move_up(nodes, gather, product - 1);
}

}  // namespace

std::vector<size_t> awaited_by(const Graph& graph) {
  const auto& nodes = graph.nodes();
  std::vector<size_t> awaited(nodes.size());
  for (size_t i = 0; i < nodes.size(); ++i) {
    awaited[i] = i;
    if (graph.num_shards() == 1 || nodes[i].op->group_calls != GroupCalls::only) continue;
    const size_t end = end_of_part(graph, i);
    size_t reader = i + 1;
    bool computes = false;
    for (; reader < end && !reads(nodes[reader], nodes[i].outputs); ++reader)
      computes |= is_product(graph, nodes[reader]);
    if (computes) awaited[i] = reader;
  }
  return awaited;
}

void make_room_beside_products(Graph& graph) {
  std::vector<GraphNode> nodes = graph.nodes();
  const size_t second_part = graph.first_weight_gradient_node();
  const auto begin_of_part = [&](size_t node) {
    return node < second_part ? graph.num_forward_nodes() : second_part;
  };
  for (size_t i = graph.num_forward_nodes(); i < nodes.size(); ++i)
    sum_early(nodes, i, begin_of_part(i));
  for (size_t i = graph.num_forward_nodes(); i < nodes.size(); ++i)
    if (nodes[i].op == &all_gather) gather_early(graph, nodes, i, begin_of_part(i));
  nodes.erase(nodes.begin(), nodes.begin() + static_cast<int64_t>(graph.num_forward_nodes()));
  graph.reorder_backward(std::move(nodes), graph.nodes().size() - second_part);
}

}  // namespace troupe
