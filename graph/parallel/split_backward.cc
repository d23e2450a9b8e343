#include "graph/parallel/split_backward.h"

#include <algorithm>
#include <iterator>

#include "kernels/collective/collective.h"

namespace troupe {
namespace {

// Weight gradients, and the collectives and addends on the way to them, where nothing else reads
// these.
bool may_wait(const Graph& graph, const GraphNode& node, const std::vector<bool>& read_by_first) {
  const bool is_gradient = std::ranges::all_of(
      node.outputs, [&](ValueId id) { return graph.value(id).kind == ValueKind::weight_gradient; });
  if (is_gradient) return true;
  const OpDef* op = node.op;
  const bool leads_there = op->adds_token_ranges || op == &take_shard || op == &take_columns ||
                           op->group_calls == GroupCalls::only;
  return leads_there &&
         std::ranges::none_of(node.outputs, [&](ValueId id) { return read_by_first[id]; });
}

std::vector<bool> find_second_part(const Graph& graph) {
  const auto& nodes = graph.nodes();
  std::vector<bool> is_second(nodes.size(), false), read_by_first(graph.values().size(), false);
  for (const auto& [name, id] : graph.outputs()) read_by_first[id] = true;
  for (size_t i = nodes.size(); i-- > graph.num_forward_nodes();) {
    is_second[i] = may_wait(graph, nodes[i], read_by_first);
    if (is_second[i]) continue;
    for (ValueId id : nodes[i].inputs)
      if (id != kNoSymbol) read_by_first[id] = true;
  }
  return is_second;
}

}  // namespace

void split_backward(Graph& graph) {
  const auto is_second = find_second_part(graph);
  std::vector<GraphNode> first, second;
  for (size_t i = graph.num_forward_nodes(); i < graph.nodes().size(); ++i)
    (is_second[i] ? second : first).push_back(graph.nodes()[i]);
  const size_t num_second = second.size();
  std::ranges::move(second, std::back_inserter(first));
  graph.reorder_backward(std::move(first), num_second);
}

}  // namespace troupe
