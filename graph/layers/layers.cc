#include "graph/layers/layers.h"

#include "kernels/attention/attention.h"
#include "kernels/elementwise/add.h"
#include "kernels/elementwise/add_bias.h"
#include "kernels/elementwise/rope.h"
#include "kernels/elementwise/swiglu.h"
#include "kernels/embedding/embedding.h"
#include "kernels/matmul/linear.h"
#include "kernels/matmul/linear_group.h"
#include "kernels/norm/rms_norm.h"

namespace troupe {
namespace {

ValueId matmul_weight(Graph& graph, const std::string& name, ValueId x, int64_t out_features) {
  const Value& input = graph.value(x);
  const DType dtype = input.dtype;
  return graph.weight(name + ".weight", {out_features, input.shape.back()}, dtype,
                      WeightLayout::matmul);
}

ValueId with_bias(Graph& graph, ValueId y, const std::string& name, bool has_bias) {
  if (!has_bias) return y;
  const int64_t size = graph.value(y).shape.back();
  const ValueId bias = graph.weight(name + ".bias", {size}, DType::f32, WeightLayout::plain);
  return graph.apply_one(add_bias, {y, bias});
}

// Several products of one input: their input gradients are one contraction.
std::vector<ValueId> linear_group_layer(Graph& graph, ValueId x, const std::string& prefix,
                                        const std::vector<std::pair<std::string, int64_t>>& parts,
                                        bool has_bias, int num_slices) {
  std::vector<ValueId> inputs = {x};
  for (const auto& [name, size] : parts)
    inputs.push_back(matmul_weight(graph, prefix + name, x, size));
  auto outputs = graph.apply(linear_group, std::move(inputs), {.num_slices = num_slices});
  for (size_t i = 0; i < parts.size(); ++i)
    outputs[i] = with_bias(graph, outputs[i], prefix + parts[i].first, has_bias);
  return outputs;
}

ValueId linear_layer(Graph& graph, ValueId x, const std::string& name, int64_t out_features,
                     bool has_bias, int num_slices) {
  const ValueId weight = matmul_weight(graph, name, x, out_features);
  const ValueId y = graph.apply_one(linear, {x, weight}, {.num_slices = num_slices});
  return with_bias(graph, y, name, has_bias);
}

}  // namespace

ValueId embedding_layer(Graph& graph, const std::string& weight_name, int64_t vocab_size,
                        int64_t hidden_size, DType dtype) {
  const ValueId table =
      graph.weight(weight_name, {vocab_size, hidden_size}, dtype, WeightLayout::table);
  return graph.apply_one(embedding, {table});
}

ValueId rms_norm_layer(Graph& graph, ValueId x, const std::string& weight_name, float epsilon) {
  const int64_t size = graph.value(x).shape.back();
  const ValueId weight = graph.weight(weight_name, {size}, DType::f32, WeightLayout::plain);
  return graph.apply_one(rms_norm, {x, weight}, {.epsilon = epsilon});
}

ValueId attention_layer(Graph& graph, ValueId x, const std::string& prefix,
                        const AttentionShape& shape) {
  const int64_t hidden_size = graph.value(x).shape.back();
  const int64_t q_size = int64_t{shape.num_attention_heads} * shape.head_dim;
  const int64_t kv_size = int64_t{shape.num_key_value_heads} * shape.head_dim;
  auto qkv = linear_group_layer(graph, x, prefix,
                                {{"q_proj", q_size}, {"k_proj", kv_size}, {"v_proj", kv_size}},
                                shape.has_bias, shape.num_slices);
  Attributes rotate = {.num_attention_heads = shape.num_attention_heads,
                       .head_dim = shape.head_dim,
                       .inverse_frequencies = shape.inverse_frequencies};
  const ValueId q = graph.apply_one(rope, {qkv[0]}, rotate);
  rotate.num_attention_heads = shape.num_key_value_heads;
  const ValueId k = graph.apply_one(rope, {qkv[1]}, rotate);
  const Attributes attend = {.num_attention_heads = shape.num_attention_heads,
                             .num_key_value_heads = shape.num_key_value_heads,
                             .head_dim = shape.head_dim,
                             .layer = shape.layer};
  const ValueId out = graph.apply_one(attention, {q, k, qkv[2]}, attend);
  return linear_layer(graph, out, prefix + "o_proj", hidden_size, shape.has_bias, shape.num_slices);
}

ValueId mlp_layer(Graph& graph, ValueId x, const std::string& prefix, const MlpShape& shape) {
  const int64_t hidden_size = graph.value(x).shape.back();
  auto parts = linear_group_layer(
      graph, x, prefix,
      {{"gate_proj", shape.intermediate_size}, {"up_proj", shape.intermediate_size}},
      shape.has_bias, shape.num_slices);
  const ValueId gated = graph.apply_one(swiglu, {parts[0], parts[1]});
  return linear_layer(graph, gated, prefix + "down_proj", hidden_size, shape.has_bias,
                      shape.num_slices);
}

ValueId residual(Graph& graph, ValueId x, ValueId branch) {
  return graph.apply_one(add_op, {x, branch});
}

}  // namespace troupe
