// A model as data: values, and the ops that make them, in an order in which they can run.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/dtype.h"
#include "base/shape.h"
#include "graph/parallel/placement.h"
#include "kernels/op.h"

namespace troupe {

using ValueId = Symbol;

enum class ValueKind : uint8_t { input, weight, activation, weight_gradient };

// How a weight is read: as plain f32 (norms, biases, small heads), as a table of rows in the
// compute dtype (embedding), or packed for matmul.
enum class WeightLayout : uint8_t { plain, table, matmul };

struct Value {
  std::string name;  // weights: HF's name; a tied weight appears once for each of its uses
  ValueKind kind = ValueKind::activation;
  Shape shape;  // kTokens stands for the pack's number of tokens
  DType dtype = DType::f32;
  WeightLayout layout = WeightLayout::plain;
  Placement placement = {};  // over the shards that run this program; shapes are one shard's
};

struct GraphNode {
  const OpDef* op = nullptr;
  std::vector<ValueId> inputs;
  std::vector<ValueId> outputs;
  Attributes attributes;
  int block = 0;  // where the model may be cut: the embedding and layer 0 are block 0, ...
};

class Graph {
 public:
  ValueId input(std::string name, Shape shape, DType dtype);
  ValueId weight(std::string name, Shape shape, DType dtype, WeightLayout layout);
  ValueId copy_of(const Value& value) { return add_value(value); }
  // The f32 buffer onto which the gradient of `weight` is added.
  ValueId weight_gradient(ValueId weight);
  std::vector<ValueId> apply(const OpDef& op, std::vector<ValueId> inputs,
                             const Attributes& attributes = {});
  // As apply, with a weight's gradient buffer as the op's last output.
  std::vector<ValueId> apply_onto(ValueId weight_gradient, const OpDef& op,
                                  std::vector<ValueId> inputs, const Attributes& attributes);
  ValueId apply_one(const OpDef& op, std::vector<ValueId> inputs,
                    const Attributes& attributes = {}) {
    return apply(op, std::move(inputs), attributes).at(0);
  }

  // The last node's outputs: f32 whatever the op says, as addends are that other shards wait for.
  void widen(ValueId output) { set_dtype(output, DType::f32); }
  void set_dtype(ValueId output, DType dtype) {
    values_.at(static_cast<size_t>(output)).dtype = dtype;
  }
  void place(ValueId value, const Placement& placement) {
    values_.at(static_cast<size_t>(value)).placement = placement;
  }

  // Which shard of how many this program is.
  void set_shard(int shard, int num_shards) { shard_ = shard, num_shards_ = num_shards; }
  int shard() const { return shard_; }
  int num_shards() const { return num_shards_; }

  void set_block(int block) { block_ = block; }  // of the nodes that follow
  void set_output(std::string name, ValueId value);

  const std::vector<Value>& values() const { return values_; }
  const std::vector<GraphNode>& nodes() const { return nodes_; }
  const Value& value(ValueId id) const { return values_.at(static_cast<size_t>(id)); }
  bool has_output(std::string_view name) const;
  ValueId output(std::string_view name) const;      // throws when there is none
  ValueId find_input(std::string_view name) const;  // kNoSymbol when there is none
  const std::vector<std::pair<std::string, ValueId>>& outputs() const { return outputs_; }
  std::vector<ValueId> values_of_kind(ValueKind kind) const;

  // One node for two neighbours wherever `merged` gives one. Nodes on two sides of a border between
  // the passes are no neighbours.
  using Merge =
      std::function<std::optional<GraphNode>(const GraphNode& first, const GraphNode& second)>;
  void merge_neighbours(const Merge& merged);

  // Drops nodes of the backward pass that make nothing but activations that nobody reads.
  void remove_unused_nodes();

  // Nodes before this one are the forward pass; append_backward() sets it.
  size_t num_forward_nodes() const { return num_forward_ == 0 ? nodes_.size() : num_forward_; }
  void end_forward() { num_forward_ = nodes_.size(); }
  // Nodes from this one on make nothing but weight gradients, where the backward pass is in two
  // parts; else it is the end.
  size_t first_weight_gradient_node() const {
    return first_weight_gradient_ == 0 ? nodes_.size() : first_weight_gradient_;
  }
  // The nodes of the backward pass in this order, of which the last `num_weight_gradients` are the
  // second part.
  void reorder_backward(std::vector<GraphNode> nodes, size_t num_weight_gradients);

 private:
  ValueId add_value(Value value);
  std::vector<ValueId> add_node(const OpDef& op, std::vector<ValueId> inputs,
                                const Attributes& attributes, ValueId onto);

  std::vector<Value> values_;
  std::vector<GraphNode> nodes_;
  std::vector<std::pair<std::string, ValueId>> outputs_;
  int block_ = 0;
  size_t num_forward_ = 0, first_weight_gradient_ = 0;
  int shard_ = 0, num_shards_ = 1;
};

}  // namespace troupe
