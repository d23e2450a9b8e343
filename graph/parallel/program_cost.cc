#include "graph/parallel/program_cost.h"

#include <sstream>
#include <string_view>

#include "graph/memory_plan.h"
#include "kernels/attention/attention.h"
#include "kernels/collective/collective.h"

namespace troupe {
namespace {

double elements(const Graph& graph, ValueId id, int64_t num_tokens) {
  const Value& value = graph.value(id);
  return static_cast<double>(num_bytes(value, num_tokens, graph.num_shards())) /
         static_cast<double>(size_of(value.dtype));
}

// A product over each weight that a node reads or adds a gradient to.
double product_flops(const Graph& graph, const GraphNode& node, int64_t num_tokens) {
  double weights = 0;
  const auto add = [&](ValueId id) {
    if (id == kNoSymbol) return;
    const Value& value = graph.value(id);
    const bool is_weight =
        value.kind == ValueKind::weight || value.kind == ValueKind::weight_gradient;
    if (is_weight && value.layout == WeightLayout::matmul)
      weights += static_cast<double>(num_elements(value.shape));
  };
  for (ValueId id : node.inputs) add(id);
  for (ValueId id : node.outputs) add(id);
  // The head's logits are made once more than its gradients.
  const bool is_head_gradient = node.op->name.starts_with("head_") && node.outputs.size() == 2;
  if (is_head_gradient) weights *= 1.5;
  return 2 * static_cast<double>(num_tokens) * weights;
}

// Scores and outputs, over half of a sequence; backwards five products instead of two.
double attention_flops(const Graph& graph, const GraphNode& node, int64_t num_tokens,
                       int64_t sequence_length) {
  const bool backward = node.op == &attention_gradient;
  const double q = elements(graph, node.inputs[backward ? 1 : 0], num_tokens);
  return (backward ? 5 : 2) * q * static_cast<double>(sequence_length);
}

double flops_of(const Graph& graph, const GraphNode& node, int64_t num_tokens,
                int64_t sequence_length) {
  if (node.op == &attention || node.op == &attention_gradient)
    return attention_flops(graph, node, num_tokens, sequence_length);
  return product_flops(graph, node, num_tokens);
}

bool is_collective(const OpDef* op) {
  return op->group_calls == GroupCalls::only;
}

// Each shard adds up its share of everyone's addends, and hands it out.
double sent_by(const Graph& graph, const GraphNode& node, int64_t num_tokens) {
  if (!is_collective(node.op)) return 0;
  const double others = static_cast<double>(graph.num_shards() - 1) / graph.num_shards();
  double bytes = 0;
  const bool gathers =
      node.op == &all_gather || node.op == &gather_columns || node.op == &select_rows;
  for (ValueId id : gathers ? node.outputs : node.inputs)
    bytes += static_cast<double>(num_bytes(graph.value(id), num_tokens, graph.num_shards()));
  return bytes * others * (node.op == &all_reduce ? 2 : 1);
}

}  // namespace

ProgramCost program_cost(const Graph& graph, int64_t num_tokens, int64_t sequence_length) {
  ProgramCost cost;
  for (size_t i = 0; i < graph.nodes().size(); ++i) {
    const GraphNode& node = graph.nodes()[i];
    const double flops = flops_of(graph, node, num_tokens, sequence_length);
    (i < graph.num_forward_nodes() ? cost.forward_flops : cost.backward_flops) += flops;
    cost.sent_bytes += sent_by(graph, node, num_tokens);
    ++cost.kernel_calls;
  }
  return cost;
}

std::string to_dot(const Graph& graph) {
  std::ostringstream out;
  out << "digraph program {\n  node [shape=box, fontname=\"sans-serif\"];\n";
  std::vector<int64_t> made_by(graph.values().size(), -1);
  for (size_t i = 0; i < graph.nodes().size(); ++i) {
    const GraphNode& node = graph.nodes()[i];
    out << "  n" << i << " [label=\"" << node.op->name << "\\nblock " << node.block << "\""
        << (is_collective(node.op) ? ", style=filled, fillcolor=lightblue" : "")
        << (i >= graph.num_forward_nodes() ? ", color=gray40" : "") << "];\n";
    for (ValueId id : node.inputs) {
      if (id == kNoSymbol) continue;
      const Value& value = graph.value(id);
      const auto label =
          value.name + " " + to_string(value.shape) + " " + to_string(value.placement);
      if (made_by[id] < 0 && value.kind != ValueKind::activation)
        out << "  v" << id << " [shape=ellipse, label=\"" << value.name << "\"];\n";
      const std::string from =
          made_by[id] < 0 ? "v" + std::to_string(id) : "n" + std::to_string(made_by[id]);
      out << "  " << from << " -> n" << i << " [label=\"" << label << "\"];\n";
    }
    for (ValueId id : node.outputs) made_by[id] = static_cast<int64_t>(i);
  }
  out << "}\n";
  return out.str();
}

}  // namespace troupe
