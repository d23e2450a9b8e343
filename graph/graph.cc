#include "graph/graph.h"

#include <algorithm>
#include <iterator>

#include "base/error.h"

namespace troupe {

ValueId Graph::add_value(Value value) {
  values_.push_back(std::move(value));
  return static_cast<ValueId>(values_.size() - 1);
}

ValueId Graph::input(std::string name, Shape shape, DType dtype) {
  return add_value({std::move(name), ValueKind::input, std::move(shape), dtype});
}

ValueId Graph::weight(std::string name, Shape shape, DType dtype, WeightLayout layout) {
  return add_value({std::move(name), ValueKind::weight, std::move(shape), dtype, layout});
}

ValueId Graph::weight_gradient(ValueId weight) {
  const auto& of = value(weight);
  CHECK(of.kind == ValueKind::weight, of.name);
  return add_value(
      {of.name, ValueKind::weight_gradient, of.shape, DType::f32, of.layout, of.placement});
}

std::vector<ValueId> Graph::apply(const OpDef& op, std::vector<ValueId> inputs,
                                  const Attributes& attributes) {
  return add_node(op, std::move(inputs), attributes, kNoSymbol);
}

std::vector<ValueId> Graph::apply_onto(ValueId weight_gradient, const OpDef& op,
                                       std::vector<ValueId> inputs, const Attributes& attributes) {
  return add_node(op, std::move(inputs), attributes, weight_gradient);
}

std::vector<ValueId> Graph::add_node(const OpDef& op, std::vector<ValueId> inputs,
                                     const Attributes& attributes, ValueId onto) {
  std::vector<Shape> input_shapes;
  for (ValueId id : inputs) input_shapes.push_back(id == kNoSymbol ? Shape{} : value(id).shape);
  auto shapes = infer_shapes(op, attributes, input_shapes);
  GraphNode node = {&op, std::move(inputs), {}, attributes, block_};
  for (size_t i = 0; i < shapes.size(); ++i) {
    const bool is_last = i + 1 == shapes.size();
    if (is_last && onto != kNoSymbol) {
      CHECK(shapes[i] == value(onto).shape, op.name, to_string(shapes[i]),
            to_string(value(onto).shape));
      node.outputs.push_back(onto);
      continue;
    }
    const bool as_input = op.dtypes.at(std::min(i, op.dtypes.size() - 1)) == '=';
    const DType dtype = as_input ? value(node.inputs.at(0)).dtype : DType::f32;
    node.outputs.push_back(
        add_value({std::string(op.name), ValueKind::activation, std::move(shapes[i]), dtype}));
  }
  nodes_.push_back(std::move(node));
  return nodes_.back().outputs;
}

void Graph::set_output(std::string name, ValueId value) {
  outputs_.emplace_back(std::move(name), value);
}

bool Graph::has_output(std::string_view name) const {
  for (const auto& [output_name, id] : outputs_)
    if (output_name == name) return true;
  return false;
}

ValueId Graph::output(std::string_view name) const {
  for (const auto& [output_name, id] : outputs_)
    if (output_name == name) return id;
  throw Error("this part of the model has no output \"" + std::string(name) + "\"");
}

ValueId Graph::find_input(std::string_view name) const {
  for (size_t i = 0; i < values_.size(); ++i)
    if (values_[i].kind == ValueKind::input && values_[i].name == name)
      return static_cast<ValueId>(i);
  return kNoSymbol;
}

std::vector<ValueId> Graph::values_of_kind(ValueKind kind) const {
  std::vector<ValueId> ids;
  for (size_t i = 0; i < values_.size(); ++i)
    if (values_[i].kind == kind) ids.push_back(static_cast<ValueId>(i));
  return ids;
}

void Graph::reorder_backward(std::vector<GraphNode> nodes, size_t num_weight_gradients) {
  CHECK(num_forward_nodes() + nodes.size() == nodes_.size(), nodes.size(), nodes_.size());
  nodes_.resize(num_forward_nodes());
  for (auto& node : nodes) nodes_.push_back(std::move(node));
  first_weight_gradient_ = nodes_.size() - num_weight_gradients;
}

void Graph::merge_neighbours(const Merge& merged) {
  std::vector<GraphNode> nodes;
  std::vector<size_t> new_index;
  for (size_t i = 0; i < nodes_.size(); ++i) {
    const bool at_border = i == 0 || i == num_forward_ || i == first_weight_gradient_;
    auto both = at_border ? std::nullopt : merged(nodes.back(), nodes_[i]);
    if (both) nodes.pop_back();
    new_index.push_back(nodes.size());
    nodes.push_back(both ? std::move(*both) : std::move(nodes_[i]));
  }
  new_index.push_back(nodes.size());
  num_forward_ = new_index[num_forward_];
  first_weight_gradient_ = new_index[first_weight_gradient_];
  nodes_ = std::move(nodes);
}

void Graph::remove_unused_nodes() {
  std::vector<bool> used(values_.size(), false);
  for (const auto& [name, id] : outputs_) used[id] = true;
  for (const auto& value : values_)
    if (value.kind == ValueKind::weight_gradient) used[&value - values_.data()] = true;
  std::vector<GraphNode> kept;
  for (size_t i = nodes_.size(); i-- > 0;) {
    auto& node = nodes_[i];
    const bool needed = i < num_forward_nodes() ||
                        std::ranges::any_of(node.outputs, [&](ValueId id) { return used[id]; });
    if (!needed) continue;
    for (ValueId id : node.inputs)
      if (id != kNoSymbol) used[id] = true;
    kept.push_back(std::move(node));
  }
  nodes_.assign(std::make_move_iterator(kept.rbegin()), std::make_move_iterator(kept.rend()));
}

}  // namespace troupe
