#include "kernels/attention/attention.h"

#include "base/error.h"

namespace troupe {
namespace {

void check_widths(const Attributes& attributes, const Shape& q, const Shape& k, const Shape& v) {
  const int heads = attributes.num_attention_heads, kv_heads = attributes.num_key_value_heads;
  const int head_dim = attributes.head_dim;
  CHECK(head_dim >= 8 && head_dim <= 256 && head_dim % 2 == 0, head_dim);
  CHECK(kv_heads > 0 && heads > 0 && heads % kv_heads == 0, heads, kv_heads);
  CHECK((q == Shape{q[0], int64_t{heads} * head_dim}), to_string(q), heads, head_dim);
  CHECK((k == Shape{q[0], int64_t{kv_heads} * head_dim}), to_string(k), kv_heads, head_dim);
  CHECK(v == k, to_string(v), to_string(k));
  CHECK(attributes.soft_cap >= 0, attributes.soft_cap);
  if (const auto& slopes = attributes.alibi_slopes)
    CHECK(slopes->size() == static_cast<size_t>(heads), slopes->size(), heads);
}

}  // namespace

std::vector<Shape> attention_shapes(const Attributes& attributes, std::span<const Shape> inputs) {
  CHECK(inputs.size() == 3 || inputs.size() == 4, inputs.size());
  check_widths(attributes, inputs[0], inputs[1], inputs[2]);
  const Shape sinks = {attributes.num_attention_heads};
  if (inputs.size() == 4) CHECK(inputs[3] == sinks, to_string(inputs[3]), to_string(sinks));
  return {inputs[0], {inputs[0][0], attributes.num_attention_heads}};
}

std::vector<Shape> attention_gradient_shapes(const Attributes& attributes,
                                             std::span<const Shape> inputs) {
  CHECK(inputs.size() == 6, inputs.size());
  check_widths(attributes, inputs[1], inputs[2], inputs[3]);
  const Shape log_sum_exp = {inputs[1][0], attributes.num_attention_heads};
  CHECK(inputs[0] == inputs[1], to_string(inputs[0]), to_string(inputs[1]));
  CHECK(inputs[4] == inputs[1], to_string(inputs[4]), to_string(inputs[1]));
  CHECK(inputs[5] == log_sum_exp, to_string(inputs[5]), to_string(log_sum_exp));
  return {inputs[1], inputs[2], inputs[3]};
}

void attention_gradient_rule(GradientBuilder& builder) {
  const Symbol d_out = builder.output_gradient(0);
  CHECK(builder.output_gradient(1) == kNoSymbol, builder.output_gradient(1));
  if (d_out == kNoSymbol) return;
  const auto gradients = builder.apply(attention_gradient,
                                       {d_out, builder.input(0), builder.input(1), builder.input(2),
                                        builder.output(0), builder.output(1)},
                                       builder.attributes());
  for (int i = 0; i < 3; ++i)
    if (builder.wants_gradient(i)) builder.set_input_gradient(i, gradients[i]);
  if (builder.num_inputs() > 3 && builder.wants_gradient(3))
    builder.accumulate_weight_gradient(
        3, attention_sink_gradient, {d_out, builder.output(0), builder.output(1), builder.input(3)},
        builder.attributes());
}

}  // namespace troupe
