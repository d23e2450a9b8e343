#include "graph/parallel/partition.h"

#include <map>
#include <memory>

#include "base/error.h"
#include "graph/parallel/spmd_rules.h"
#include "kernels/collective/collective.h"

namespace troupe {
namespace {

// One dim of a whole value's shape becomes one shard's.
Shape local_shape(Shape shape, const Placement& placement, int num_shards) {
  if (!placement.is_shard()) return shape;
  int64_t& size = shape.at(placement.dim);
  if (size != kTokens) CHECK(size % num_shards == 0, size, num_shards);
  size = size == kTokens ? kTokenShard : size / num_shards;
  return shape;
}

// What turns a [tokens, columns] value from one placement into another; null: nothing does.
const OpDef* conversion(const Placement& from, const Placement& to) {
  struct Row {
    Placement from, to;
    const OpDef* op;
  };
  static constexpr Row kConversions[] = {
      {shard(0), replicate(), &all_gather},     {shard(1), replicate(), &gather_columns},
      {replicate(), shard(0), &take_shard},     {replicate(), shard(1), &take_columns},
      {shard(0), shard(1), &tokens_to_columns}, {shard(1), shard(0), &columns_to_tokens},
  };
  for (const Row& row : kConversions)
    if (row.from == from && row.to == to) return row.op;
  return nullptr;
}

class Partitioner {
 public:
  Partitioner(const Graph& whole, const ShardOptions& options)
      : whole_(whole), options_(options), num_shards_(options.plan.degree()) {
    CHECK(options.shard >= 0 && options.shard < num_shards_, options.shard, num_shards_);
    if (options.sequence) CHECK(kRowRanges % num_shards_ == 0, num_shards_);
    graph_.set_shard(options.shard, num_shards_);
  }

  Graph run() {
    const auto& nodes = whole_.nodes();
    for (size_t i = 0; i < nodes.size(); ++i) {
      if (i == whole_.num_forward_nodes()) end_forward();
      if (i > 0 && nodes[i].block != nodes[i - 1].block) add_waiting_sums();
      graph_.set_block(nodes[i].block);
      add(nodes[i]);
    }
    add_waiting_sums();
    add_sums();
    set_outputs();
    return std::move(graph_);
  }

 private:
  // What was gathered for the forward pass is not kept for the backward pass.
  void end_forward() {
    set_outputs();
    graph_.end_forward();
    conversions_.clear();
  }

  // Of those whose values are there by now.
  void set_outputs() {
    for (const auto& [name, id] : whole_.outputs())
      if (ids_.contains(id) && !graph_.has_output(name))
        graph_.set_output(name, converted(id, boundary_placement(name, id)));
  }

  // Hidden states are the stream's; all else that crosses a stage's border is whole.
  Placement boundary_placement(const std::string& name, ValueId id) const {
    const bool is_hidden = name.ends_with("hidden");
    const auto& shape = whole_.value(id).shape;
    return is_hidden && shape.front() == kTokens ? stream() : replicate();
  }
  Placement stream() const { return options_.sequence ? shard(0) : replicate(); }

  ValueId local(ValueId id) {
    if (auto known = ids_.find(id); known != ids_.end()) return known->second;
    Value value = whole_.value(id);
    CHECK(value.kind != ValueKind::activation, value.name);
    value.placement = value.kind == ValueKind::input
                          ? boundary_placement(value.name, id)
                          : options_.plan.placement_of(value.name, value.shape);
    value.shape = local_shape(value.shape, value.placement, num_shards_);
    return ids_[id] = graph_.copy_of(value);
  }

  const Placement& placement(ValueId local_id) const { return graph_.value(local_id).placement; }

  static bool is_fixed(const Value& value) {
    return value.kind == ValueKind::weight || value.kind == ValueKind::weight_gradient;
  }

  NodePlacement place(const GraphNode& node) {
    std::vector<Placement> inputs, outputs;
    const auto fixed_inputs = std::make_unique<bool[]>(node.inputs.size());
    const auto fixed_outputs = std::make_unique<bool[]>(node.outputs.size());
    for (size_t i = 0; i < node.inputs.size(); ++i) {
      const ValueId id = node.inputs[i];
      inputs.push_back(id == kNoSymbol ? replicate() : placement(local(id)));
      fixed_inputs[i] = id != kNoSymbol && is_fixed(whole_.value(id));
    }
    for (size_t i = 0; i < node.outputs.size(); ++i) {
      fixed_outputs[i] = is_fixed(whole_.value(node.outputs[i]));
      outputs.push_back(fixed_outputs[i] ? placement(local(node.outputs[i])) : replicate());
    }
    try {
      return place_node({node,
                         inputs,
                         outputs,
                         {fixed_inputs.get(), node.inputs.size()},
                         {fixed_outputs.get(), node.outputs.size()},
                         num_shards_});
    } catch (const Error& error) {
      throw Error(std::string(error.what()) + ":" + weights_of(node) + " over " +
                  std::to_string(num_shards_) + " ranks of the tensor axis");
    }
  }

  std::string weights_of(const GraphNode& node) {
    std::string text;
    for (ValueId id : node.inputs) {
      if (id == kNoSymbol || !is_fixed(whole_.value(id))) continue;
      const Value& value = whole_.value(id);
      text += (text.empty() ? " " : ", ") + value.name + ' ' + to_string(value.shape) + ' ' +
              to_string(placement(local(id)));
    }
    return text;
  }

  void add(const GraphNode& node) {
    NodePlacement placed = place(node);
    if (placed.attributes.num_shards > 1) placed.attributes.shard = options_.shard;
    std::vector<ValueId> inputs;
    for (size_t i = 0; i < node.inputs.size(); ++i)
      inputs.push_back(node.inputs[i] == kNoSymbol ? kNoSymbol
                                                   : converted(node.inputs[i], placed.inputs[i]));
    const ValueId onto = node.outputs.back();
    const bool adds = whole_.value(onto).kind == ValueKind::weight_gradient;
    if (adds && placed.outputs.back().is_partial())
      return add_waiting_sum(node, placed, std::move(inputs));
    const auto outputs = adds ? graph_.apply_onto(local(onto), *node.op, inputs, placed.attributes)
                              : graph_.apply(*node.op, inputs, placed.attributes);
    for (size_t i = 0; i < outputs.size(); ++i)
      if (!(adds && i + 1 == outputs.size())) keep(node.outputs[i], outputs[i], placed.outputs[i]);
    if (placed.selects_rows)
      ids_[node.outputs[0]] = collective(select_rows, {outputs[0], inputs[0]});
  }

  // A new activation. Addends are summed at once, into the placement of the residual stream.
  void keep(ValueId id, ValueId made, const Placement& made_placement) {
    graph_.place(made, made_placement);
    ids_[id] = made;
    if (!made_placement.is_partial()) return;
    const DType dtype = graph_.value(made).dtype;
    graph_.widen(made);
    const auto& to = options_.sequence ? reduce_scatter : all_reduce;
    const ValueId sum = collective(to, {made});
    graph_.set_dtype(sum, dtype);
    graph_.place(sum, stream());
    ids_[id] = sum;
  }

  ValueId collective(const OpDef& op, std::vector<ValueId> inputs) {
    return graph_.apply_one(op, std::move(inputs),
                            {.shard = options_.shard, .num_shards = num_shards_});
  }

  // This shard's value for `id` in the placement that is asked for.
  ValueId converted(ValueId id, const Placement& to) {
    const ValueId from = local(id);
    if (placement(from) == to) return from;
    const std::pair key(from, to.is_shard() ? to.dim : -1);
    if (const auto known = conversions_.find(key); known != conversions_.end())
      return known->second;
    const Value& value = graph_.value(from);
    const OpDef* op =
        is_fixed(value) || value.shape.size() != 2 ? nullptr : conversion(value.placement, to);
    if (!op)
      throw Error(value.name + " " + to_string(value.shape) + ": cannot turn " +
                  to_string(value.placement) + " into " + to_string(to));
    const ValueId made = collective(*op, {from});
    graph_.place(made, to);
    return conversions_[key] = made;
  }

  // A weight's gradient of which each shard has an addend, from its tokens: summed with the others
  // of its block, in one message.
  void add_waiting_sum(const GraphNode& node, const NodePlacement& placed,
                       std::vector<ValueId> inputs) {
    CHECK(node.outputs.size() == 1, node.op->name);
    const ValueId addend = graph_.apply_one(*node.op, std::move(inputs), placed.attributes);
    graph_.place(addend, partial());
    waiting_addends_.push_back(addend);
    waiting_gradients_.push_back(local(node.outputs[0]));
  }

  void add_waiting_sums() {
    if (waiting_addends_.empty()) return;
    add_sums();
    sums_ = graph_.apply(all_reduce, waiting_addends_,
                         {.shard = options_.shard, .num_shards = num_shards_});
    summed_gradients_ = std::move(waiting_gradients_);
    waiting_addends_.clear();
    waiting_gradients_.clear();
  }

  // They were on their way while the block behind theirs was computed.
  void add_sums() {
    for (size_t i = 0; i < sums_.size(); ++i)
      graph_.apply_onto(summed_gradients_[i], accumulate, {sums_[i]}, {});
    sums_.clear();
  }

  const Graph& whole_;
  const ShardOptions& options_;
  int num_shards_;
  Graph graph_;
  std::map<ValueId, ValueId> ids_;                          // whole -> this shard's
  std::map<std::pair<ValueId, int>, ValueId> conversions_;  // (value, dim or -1) -> converted
  std::vector<ValueId> waiting_addends_, waiting_gradients_;
  std::vector<ValueId> sums_, summed_gradients_;
};

}  // namespace

Graph partition(const Graph& whole, const ShardOptions& options) {
  return Partitioner(whole, options).run();
}

}  // namespace troupe
