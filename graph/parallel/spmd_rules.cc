#include "graph/parallel/spmd_rules.h"

#include <algorithm>
#include <string>

#include "base/error.h"
#include "kernels/attention/attention.h"
#include "kernels/elementwise/rope.h"
#include "kernels/embedding/embedding.h"
#include "kernels/loss/head_log_prob.h"
#include "kernels/matmul/linear_group.h"

namespace troupe {
namespace {

struct Axes {
  std::vector<std::string> inputs, outputs;

  explicit Axes(std::string_view text) {
    const auto arrow = text.find(" -> ");
    inputs = split(text.substr(0, arrow));
    outputs = split(text.substr(arrow + 4));
  }
  static std::vector<std::string> split(std::string_view text) {
    std::vector<std::string> parts(1);
    for (char c : text) {
      if (c == ',') parts.emplace_back();
      if (c != ',' && c != ' ') parts.back() += c;
    }
    return parts;
  }
};

constexpr char kNone = 0;

char letter_of(const std::string& dims, const Placement& placement) {
  return placement.is_shard() ? dims.at(placement.dim) : kNone;
}

bool is_summed(const Axes& axes, char letter) {
  for (const auto& dims : axes.outputs)
    if (dims.find(letter) == dims.npos) return true;
  return false;
}

// The letter that weights and their gradients are sharded over.
char fixed_letter(const NodeValues& values, const Axes& axes) {
  char fixed = kNone;
  const auto look = [&](const auto& dims, const auto& placements, const auto& is_fixed) {
    for (size_t i = 0; i < placements.size(); ++i) {
      const char letter = is_fixed[i] ? letter_of(dims.at(i), placements[i]) : kNone;
      if (letter == kNone) continue;
      CHECK(fixed == kNone || fixed == letter, values.node.op->name, values.node.op->axes, fixed,
            letter);
      fixed = letter;
    }
  };
  look(axes.inputs, values.inputs, values.fixed_inputs);
  look(axes.outputs, values.outputs, values.fixed_outputs);
  return fixed;
}

// Weights and their gradients stay as they are: whole, where no fixed_letter() is.
bool is_of_fixed(const NodeValues& values, const Axes& axes, char letter) {
  const auto any = [&](const auto& dims, const auto& is_fixed) {
    for (size_t i = 0; i < is_fixed.size(); ++i)
      if (is_fixed[i] && dims.at(i).find(letter) != std::string::npos) return true;
    return false;
  };
  return any(axes.inputs, values.fixed_inputs) || any(axes.outputs, values.fixed_outputs);
}

// Else the first letter over which an activation is sharded and may stay so. Sums over tokens have
// their order, which only ops that add ranges of tokens let others take part in.
char free_letter(const NodeValues& values, const Axes& axes) {
  const OpDef& op = *values.node.op;
  for (size_t i = 0; i < values.inputs.size(); ++i) {
    const char letter = letter_of(axes.inputs.at(i), values.inputs[i]);
    if (letter == kNone || op.whole.find(letter) != op.whole.npos) continue;
    if (is_of_fixed(values, axes, letter)) continue;
    if (!is_summed(axes, letter) || op.adds_token_ranges) return letter;
  }
  return kNone;
}

std::vector<Placement> placements_over(char letter, const std::vector<std::string>& all_dims,
                                       const Placement& otherwise) {
  std::vector<Placement> placements;
  for (const auto& dims : all_dims) {
    const auto at = dims.find(letter);
    placements.push_back(at == dims.npos ? otherwise : shard(static_cast<int>(at)));
  }
  return placements;
}

void share_slices(const NodeValues& values, Attributes& attributes) {
  CHECK(attributes.num_slices % values.num_shards == 0, values.node.op->name, values.node.op->axes,
        attributes.num_slices, values.num_shards);
  attributes.num_slices /= values.num_shards;
}

NodePlacement all_replicated(const NodeValues& values) {
  return {std::vector<Placement>(values.node.inputs.size()),
          std::vector<Placement>(values.node.outputs.size()), values.node.attributes};
}

NodePlacement by_axes(const NodeValues& values) {
  const OpDef& op = *values.node.op;
  const Axes axes(op.axes);
  char letter = fixed_letter(values, axes);
  if (letter == kNone) letter = free_letter(values, axes);
  if (letter == kNone) return all_replicated(values);
  CHECK(op.whole.find(letter) == op.whole.npos, op.name, op.axes, letter);
  NodePlacement placed;
  placed.attributes = values.node.attributes;
  placed.inputs = placements_over(letter, axes.inputs, replicate());
  placed.outputs = placements_over(letter, axes.outputs, partial());
  if (op.adds_token_ranges || fixed_letter(values, axes) != kNone)
    placed.attributes.num_shards = values.num_shards;
  const bool contracts = is_summed(axes, letter) && !op.adds_token_ranges;
  if (contracts) share_slices(values, placed.attributes);
  return placed;
}

void share_heads(int num_shards, Attributes& attributes) {
  const auto share = [&](int& heads) {
    CHECK(heads % num_shards == 0, heads, num_shards);
    heads /= num_shards;
  };
  share(attributes.num_attention_heads);
  if (attributes.num_key_value_heads > 0) share(attributes.num_key_value_heads);
}

// Columns are heads: all inputs and outputs are sharded over them, or none.
NodePlacement by_heads(const NodeValues& values) {
  auto placed = all_replicated(values);
  if (values.inputs[0] != shard(1)) return placed;
  CHECK(!values.node.attributes.alibi_slopes, values.node.op->name);
  placed.inputs.assign(placed.inputs.size(), shard(1));
  placed.outputs.assign(placed.outputs.size(), shard(1));
  share_heads(values.num_shards, placed.attributes);
  return placed;
}

// Whether the weights among `inputs` are cut along their rows, all or none of them.
bool rows_are_sharded(const NodeValues& values) {
  bool any = false, all = true;
  for (size_t i = 0; i < values.inputs.size(); ++i) {
    if (!values.fixed_inputs[i]) continue;
    const bool is_cut = values.inputs[i] == shard(0);
    CHECK(is_cut || values.inputs[i] == replicate(), values.node.op->name,
          to_string(values.inputs[i]));
    any |= is_cut, all &= is_cut;
  }
  if (any && !all)
    throw Error(std::string(values.node.op->name) +
                ": weights that share an input must all be sharded, or none of them");
  return any;
}

// Of whole weights: where inputs are parts of the tokens, so are outputs.
NodePlacement keep_tokens(const NodeValues& values, size_t num_inputs) {
  auto placed = all_replicated(values);
  if (values.inputs[0] != shard(0)) return placed;
  std::fill_n(placed.inputs.begin(), num_inputs, shard(0));
  placed.outputs.assign(placed.outputs.size(), shard(0));
  return placed;
}

NodePlacement place_linear_group(const NodeValues& values) {
  if (!rows_are_sharded(values)) return keep_tokens(values, 1);
  auto placed = all_replicated(values);
  for (size_t i = 1; i < placed.inputs.size(); ++i) placed.inputs[i] = shard(0);
  placed.outputs.assign(placed.outputs.size(), shard(1));
  return placed;
}

NodePlacement place_linear_group_input_gradient(const NodeValues& values) {
  const size_t count = values.inputs.size() / 2;
  if (!rows_are_sharded(values)) return keep_tokens(values, count);
  auto placed = all_replicated(values);
  for (size_t i = 0; i < count; ++i)
    placed.inputs[i] = shard(1), placed.inputs[count + i] = shard(0);
  placed.outputs[0] = partial();
  share_slices(values, placed.attributes);
  return placed;
}

NodePlacement place_embedding(const NodeValues& values) {
  auto placed = all_replicated(values);
  if (!rows_are_sharded(values)) return placed;
  placed.inputs[0] = shard(0);
  placed.attributes.num_shards = values.num_shards;
  placed.selects_rows = true;
  return placed;
}

// The weight is cut along the vocabulary; what flows back into the hidden states is a sum over it.
NodePlacement place_head(const NodeValues& values) {
  auto placed = all_replicated(values);
  if (!rows_are_sharded(values)) return placed;
  placed.inputs[1] = shard(0);
  placed.attributes.num_shards = values.num_shards;
  const OpDef* op = values.node.op;
  if (op == &head_log_prob) return placed;
  placed.outputs[0] = partial();
  if (placed.outputs.size() > 1) placed.outputs[1] = shard(0);
  return placed;
}

struct Rule {
  const OpDef* op;
  NodePlacement (*place)(const NodeValues&);
};

constexpr Rule kRules[] = {
    {&attention, by_heads},
    {&attention_gradient, by_heads},
    {&embedding, place_embedding},
    {&head_log_prob, place_head},
    {&head_log_prob_gradient, place_head},
    {&head_log_prob_input_gradient, place_head},
    {&head_loss_gradient, place_head},
    {&head_loss_input_gradient, place_head},
    {&linear_group, place_linear_group},
    {&linear_group_input_gradient, place_linear_group_input_gradient},
    {&rope, by_heads},
    {&rope_gradient, by_heads},
};

}  // namespace

NodePlacement place_node(const NodeValues& values) {
  for (const Rule& rule : kRules)
    if (rule.op == values.node.op) return rule.place(values);
  return by_axes(values);
}

}  // namespace troupe
