#include "graph/cut.h"

#include <algorithm>
#include <map>

#include "base/error.h"

namespace troupe {
namespace {

// Copies one part's nodes, and the values that they touch, into a graph of its own.
class PartBuilder {
 public:
  PartBuilder(const Graph& model, int part, const std::vector<int>& part_of_value)
      : model_(model), part_(part), part_of_value_(part_of_value) {}

  void add(const GraphNode& node) {
    std::vector<ValueId> inputs;
    for (ValueId id : node.inputs) inputs.push_back(map_input(id));
    graph_.set_block(node.block);
    auto outputs = graph_.apply(*node.op, std::move(inputs), node.attributes);
    for (size_t i = 0; i < outputs.size(); ++i) ids_[node.outputs[i]] = outputs[i];
  }

  Graph finish(ValueId leaving) {
    if (leaving != kNoSymbol) graph_.set_output("hidden", ids_.at(leaving));
    for (const auto& [name, id] : model_.outputs())
      if (ids_.contains(id) && part_of_value_[id] == part_) graph_.set_output(name, ids_.at(id));
    return std::move(graph_);
  }

 private:
  ValueId map_input(ValueId id) {
    if (id == kNoSymbol) return id;
    if (auto known = ids_.find(id); known != ids_.end()) return known->second;
    const Value& value = model_.value(id);
    ValueId copy = kNoSymbol;
    switch (value.kind) {
      case ValueKind::weight:
        copy = graph_.weight(value.name, value.shape, value.dtype, value.layout);
        break;
      case ValueKind::input:
        copy = graph_.input(value.name, value.shape, value.dtype);
        break;
      default:
        CHECK(part_of_value_[id] == part_ - 1, value.name, part_of_value_[id], part_);
        CHECK(graph_.find_input("hidden") == kNoSymbol, value.name, part_);
        copy = graph_.input("hidden", value.shape, value.dtype);
    }
    return ids_[id] = copy;
  }

  const Graph& model_;
  int part_;
  const std::vector<int>& part_of_value_;
  std::map<ValueId, ValueId> ids_;
  Graph graph_;
};

int part_of_block(int block, const std::vector<int>& first_blocks) {
  auto after = std::upper_bound(first_blocks.begin(), first_blocks.end(), block);
  return static_cast<int>(after - first_blocks.begin()) - 1;
}

// The activation that a later part reads from `part`.
ValueId value_leaving(const Graph& model, int part, const std::vector<int>& part_of_value,
                      const std::vector<int>& first_blocks) {
  for (const GraphNode& node : model.nodes()) {
    if (part_of_block(node.block, first_blocks) <= part) continue;
    for (ValueId id : node.inputs)
      if (id != kNoSymbol && model.value(id).kind == ValueKind::activation &&
          part_of_value[id] == part)
        return id;
  }
  return kNoSymbol;
}

}  // namespace

std::vector<Graph> cut_at_blocks(const Graph& model, const std::vector<int>& first_blocks) {
  CHECK(!first_blocks.empty() && first_blocks[0] == 0);
  std::vector<int> part_of_value(model.values().size(), -1);
  for (const GraphNode& node : model.nodes())
    for (ValueId id : node.outputs) part_of_value[id] = part_of_block(node.block, first_blocks);
  std::vector<Graph> parts;
  for (int part = 0; part < static_cast<int>(first_blocks.size()); ++part) {
    PartBuilder builder(model, part, part_of_value);
    for (const GraphNode& node : model.nodes())
      if (part_of_block(node.block, first_blocks) == part) builder.add(node);
    parts.push_back(builder.finish(value_leaving(model, part, part_of_value, first_blocks)));
  }
  return parts;
}

std::vector<int> even_stages(int num_layers, int num_stages) {
  CHECK(num_stages >= 1 && num_stages <= num_layers, num_stages, num_layers);
  std::vector<int> first_blocks;
  for (int stage = 0; stage < num_stages; ++stage)
    first_blocks.push_back((stage * num_layers + num_stages - 1) / num_stages);
  return first_blocks;
}

}  // namespace troupe
