#include "kernels/matmul/linear_group.h"

#include "base/error.h"
#include "kernels/matmul/linear.h"

namespace troupe {
namespace {

void check_matrices(std::string_view op, std::span<const Shape> inputs) {
  for (size_t i = 0; i < inputs.size(); ++i)
    CHECK(inputs[i].size() == 2, op, i, to_string(inputs[i]));
}

void check_count(std::string_view op, size_t num_weights) {
  CHECK(num_weights >= 1 && num_weights <= kMostGroupedWeights, op, num_weights,
        kMostGroupedWeights);
}

}  // namespace

std::vector<Shape> linear_group_shapes(const Attributes&, std::span<const Shape> inputs) {
  const std::string_view op = linear_group.name;
  check_count(op, inputs.size() - 1);
  check_matrices(op, inputs);
  const Shape& x = inputs[0];
  std::vector<Shape> outputs;
  for (size_t i = 1; i < inputs.size(); ++i) {
    CHECK(inputs[i][1] == x[1], op, i, to_string(inputs[i]), to_string(x));
    outputs.push_back({x[0], inputs[i][0]});
  }
  return outputs;
}

std::vector<Shape> linear_group_bias_shapes(const Attributes& attributes,
                                            std::span<const Shape> inputs) {
  const size_t count = inputs.size() / 2;
  CHECK(inputs.size() == 1 + 2 * count, linear_group_bias.name, inputs.size());
  auto outputs = linear_group_shapes(attributes, inputs.first(1 + count));
  for (size_t i = 0; i < count; ++i) {
    const Shape &bias = inputs[1 + count + i], &weight = inputs[1 + i];
    CHECK(bias.empty() || bias == Shape{weight[0]}, linear_group_bias.name, i, to_string(bias),
          to_string(weight));
  }
  return outputs;
}

std::vector<Shape> linear_group_swiglu_shapes(const Attributes& attributes,
                                              std::span<const Shape> inputs) {
  auto outputs = inputs.size() == 3 ? linear_group_shapes(attributes, inputs)
                                    : linear_group_bias_shapes(attributes, inputs);
  CHECK(outputs.size() == 2 && outputs[0] == outputs[1], linear_group_swiglu.name, outputs.size(),
        to_string(outputs.front()), to_string(outputs.back()));
  outputs.push_back(outputs[0]);
  return outputs;
}

namespace {

// What is left without the norm's weight.
std::span<const Shape> without_norm(std::span<const Shape> inputs) {
  CHECK(inputs.size() >= 4 && inputs.back() == Shape{inputs[0].back()}, norm_linear_group.name,
        inputs.size(), to_string(inputs.back()), to_string(inputs[0]));
  return inputs.first(inputs.size() - 1);
}

}  // namespace

std::vector<Shape> norm_linear_group_shapes(const Attributes& attributes,
                                            std::span<const Shape> inputs) {
  return linear_group_bias_shapes(attributes, without_norm(inputs));
}

std::vector<Shape> norm_linear_group_swiglu_shapes(const Attributes& attributes,
                                                   std::span<const Shape> inputs) {
  return linear_group_swiglu_shapes(attributes, without_norm(inputs));
}

std::vector<Shape> linear_group_input_gradient_shapes(const Attributes& attributes,
                                                      std::span<const Shape> inputs) {
  const std::string_view op = linear_group_input_gradient.name;
  const int num_slices = attributes.num_slices;
  CHECK(inputs.size() % 2 == 0, op, inputs.size());
  check_count(op, inputs.size() / 2);
  check_matrices(op, inputs);
  const auto dys = inputs.first(inputs.size() / 2), weights = inputs.last(inputs.size() / 2);
  for (size_t i = 0; i < dys.size(); ++i) {
    const Shape &dy = dys[i], &weight = weights[i];
    CHECK(dy[1] == weight[0], op, i, to_string(dy), to_string(weight));
    CHECK(dy[0] == dys[0][0], op, i, to_string(dy), to_string(dys[0]));
    CHECK(weight[1] == weights[0][1], op, i, to_string(weight), to_string(weights[0]));
    CHECK(num_slices >= 1 && weight[0] % num_slices == 0, op, i, to_string(weight), num_slices);
  }
  return {{dys[0][0], weights[0][1]}};
}

void linear_group_gradient(GradientBuilder& builder) {
  std::vector<Symbol> inputs, weights;
  for (int i = 1; i < builder.num_inputs(); ++i) {
    const Symbol dy = builder.output_gradient(i - 1);
    if (dy == kNoSymbol) continue;
    inputs.push_back(dy);
    weights.push_back(builder.input(i));
    if (builder.wants_gradient(i))
      builder.accumulate_weight_gradient(i, linear_weight_gradient, {dy, builder.input(0)},
                                         builder.attributes());
  }
  if (inputs.empty() || !builder.wants_gradient(0)) return;
  inputs.insert(inputs.end(), weights.begin(), weights.end());
  const auto dx = builder.apply(linear_group_input_gradient, inputs, builder.attributes());
  builder.set_input_gradient(0, dx[0]);
}

}  // namespace troupe
