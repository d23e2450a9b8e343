#include "graph/autodiff.h"

#include <algorithm>
#include <map>
#include <set>

#include "base/error.h"
#include "kernels/attention/attention.h"
#include "kernels/elementwise/add.h"
#include "kernels/matmul/linear.h"
#include "kernels/matmul/linear_group.h"

namespace troupe {
namespace {

class Backward {
 public:
  Backward(Graph& graph, ValueId hidden_input) : graph_(graph) {
    find_wanted(hidden_input);
    gradients_.resize(graph.values().size(), kNoSymbol);
  }

  // Values that a weight or the hidden input flows into.
  void find_wanted(ValueId hidden_input) {
    wanted_.resize(graph_.values().size(), false);
    if (hidden_input != kNoSymbol) wanted_[hidden_input] = true;
    for (ValueId weight : graph_.values_of_kind(ValueKind::weight)) wanted_[weight] = true;
    for (const GraphNode& node : graph_.nodes()) {
      bool any = false;
      for (ValueId id : node.inputs) any = any || (id != kNoSymbol && wanted_[id]);
      for (ValueId id : node.outputs) wanted_[id] = any && node.op->gradient;
    }
  }

  void add_gradient(ValueId value, ValueId gradient) {
    grow();
    ValueId& sum = gradients_[value];
    sum = sum == kNoSymbol ? gradient : graph_.apply_one(add_op, {sum, gradient});
  }

  ValueId gradient(ValueId value) {
    grow();
    return gradients_[value];
  }

  bool wanted(ValueId value) const { return value != kNoSymbol && wanted_[value]; }

  // What the backward pass reads for a value of the forward pass.
  ValueId stand_in(ValueId value) const {
    const auto found = stand_ins_.find(value);
    return found == stand_ins_.end() ? value : found->second;
  }

  // Appends the forward nodes of a block once more, those that are `chosen`. Only what enters them
  // is read of the first time; what the block's own gradients do not need falls away in the end.
  void recompute(int block, const std::vector<bool>& chosen) {
    stand_ins_.clear();
    graph_.set_block(block);
    for (size_t i = 0; i < graph_.num_forward_nodes(); ++i) {
      const GraphNode node = graph_.nodes()[i];
      if (node.block != block || !chosen[i]) continue;
      std::vector<ValueId> inputs;
      for (ValueId id : node.inputs) inputs.push_back(stand_in(id));
      const auto outputs = graph_.apply(*node.op, std::move(inputs), node.attributes);
      for (size_t j = 0; j < outputs.size(); ++j) stand_ins_[node.outputs[j]] = outputs[j];
    }
  }
  Graph& graph() { return graph_; }

 private:
  void grow() { gradients_.resize(graph_.values().size(), kNoSymbol); }

  Graph& graph_;
  std::vector<bool> wanted_;
  std::vector<ValueId> gradients_;
  std::map<ValueId, ValueId> stand_ins_;
};

// Which nodes of the forward pass are computed again, and when: going backwards, before the first
// node that `asks`.
class Recomputation {
 public:
  Recomputation(const Graph& graph, Recompute recompute)
      : graph_(graph), recompute_(recompute), chosen_(graph.num_forward_nodes()) {
    if (recompute == Recompute::layer) chosen_.assign(chosen_.size(), true);
    if (recompute == Recompute::attention) choose_attention();
    // The last block's gradients come at once: of it as a whole nothing would be gained.
    if (recompute == Recompute::layer) done_ = graph.nodes().at(chosen_.size() - 1).block;
  }

  void before(size_t node, Backward& backward) {
    const int block = graph_.nodes()[node].block;
    if (recompute_ == Recompute::none || block == done_ || !asks(graph_.nodes()[node])) return;
    done_ = block;
    backward.recompute(block, chosen_);
  }

 private:
  bool asks(const GraphNode& node) const {
    return recompute_ == Recompute::layer ||
           std::ranges::any_of(node.inputs, [&](ValueId id) { return made_again_.contains(id); });
  }

  // Attention and what leads to it, up to the products of its input.
  void choose_attention() {
    std::set<ValueId> wanted;
    for (size_t i = chosen_.size(); i-- > 0;) {
      const GraphNode& node = graph_.nodes()[i];
      chosen_[i] = node.op == &attention || std::ranges::any_of(node.outputs, [&](ValueId id) {
                     return wanted.contains(id);
                   });
      if (!chosen_[i]) continue;
      made_again_.insert(node.outputs.begin(), node.outputs.end());
      const bool is_product = node.op == &linear || node.op == &linear_group;
      if (!is_product) wanted.insert(node.inputs.begin(), node.inputs.end());
    }
  }

  const Graph& graph_;
  Recompute recompute_;
  std::vector<bool> chosen_;
  std::set<ValueId> made_again_;
  int done_ = -1;
};

class NodeGradient final : public GradientBuilder {
 public:
  NodeGradient(Backward& backward, GraphNode node) : backward_(backward), node_(std::move(node)) {}

  bool is_needed() {
    for (ValueId id : node_.outputs)
      if (backward_.gradient(id) != kNoSymbol) return true;
    return false;
  }

  const Attributes& attributes() const override { return node_.attributes; }
  int num_inputs() const override { return static_cast<int>(node_.inputs.size()); }
  Symbol input(int index) const override { return backward_.stand_in(node_.inputs.at(index)); }
  Symbol output(int index) const override { return backward_.stand_in(node_.outputs.at(index)); }
  Symbol output_gradient(int index) const override {
    return backward_.gradient(node_.outputs.at(index));
  }
  bool wants_gradient(int index) const override { return backward_.wanted(node_.inputs.at(index)); }
  std::vector<Symbol> apply(const OpDef& op, std::vector<Symbol> inputs,
                            const Attributes& attributes) override {
    return backward_.graph().apply(op, std::move(inputs), attributes);
  }
  void set_input_gradient(int index, Symbol gradient) override {
    if (wants_gradient(index)) backward_.add_gradient(node_.inputs.at(index), gradient);
  }
  std::vector<Symbol> accumulate_weight_gradient(int index, const OpDef& op,
                                                 std::vector<Symbol> inputs,
                                                 const Attributes& attributes) override {
    auto& graph = backward_.graph();
    CHECK(graph.value(input(index)).kind == ValueKind::weight, node_.op->name, index);
    auto outputs =
        graph.apply_onto(graph.weight_gradient(input(index)), op, std::move(inputs), attributes);
    outputs.pop_back();
    return outputs;
  }

 private:
  Backward& backward_;
  GraphNode node_;
};

}  // namespace

std::string_view name_of(Recompute recompute) {
  constexpr std::string_view kNames[] = {"none", "attention", "layer"};
  return kNames[static_cast<int>(recompute)];
}

void append_backward(Graph& graph, const std::vector<std::string>& differentiated,
                     const std::string& hidden_input, Recompute recompute) {
  const ValueId hidden = hidden_input.empty() ? kNoSymbol : graph.find_input(hidden_input);
  CHECK(hidden_input.empty() || hidden != kNoSymbol, hidden_input);
  Backward backward(graph, hidden);
  graph.end_forward();
  const size_t num_forward = graph.num_forward_nodes();
  for (const auto& name : differentiated) {
    const Value output = graph.value(graph.output(name));
    backward.add_gradient(graph.output(name),
                          graph.input("gradient_of/" + name, output.shape, output.dtype));
  }
  Recomputation recomputation(graph, recompute);
  for (size_t i = num_forward; i-- > 0;) {
    recomputation.before(i, backward);
    NodeGradient node(backward, graph.nodes()[i]);
    const bool starts = differentiated.empty() && i + 1 == num_forward;
    if (!starts && !node.is_needed()) continue;
    const OpDef* op = graph.nodes()[i].op;
    const auto gradient = starts ? op->loss_gradient : op->gradient;
    CHECK(gradient != nullptr, op->name);
    graph.set_block(graph.nodes()[i].block);
    gradient(node);
  }
  if (hidden != kNoSymbol) {
    CHECK(backward.gradient(hidden) != kNoSymbol, hidden_input);
    graph.set_output("gradient_of/" + hidden_input, backward.gradient(hidden));
  }
  graph.remove_unused_nodes();
}

}  // namespace troupe
