#include "kernels/loss/head_log_prob.h"

#include "base/error.h"

namespace troupe {

// An absent gradient has no dims; everything else must agree.
std::vector<Shape> head_log_prob_gradient_shapes(const Attributes&, std::span<const Shape> inputs) {
  CHECK(inputs.size() == 7, inputs.size());
  const Shape &hidden = inputs[0], &weight = inputs[1];
  CHECK(hidden.size() == 2 && weight.size() == 2, to_string(hidden), to_string(weight));
  CHECK(hidden[1] == weight[1], to_string(hidden), to_string(weight));
  for (size_t i = 2; i < inputs.size(); ++i) {
    const bool absent = i >= 5 && inputs[i].empty();
    CHECK(absent || inputs[i] == Shape{hidden[0]}, i, to_string(inputs[i]), to_string(hidden));
  }
  return {hidden, weight};
}

std::vector<Shape> head_log_prob_input_gradient_shapes(const Attributes& attributes,
                                                       std::span<const Shape> inputs) {
  return {head_log_prob_gradient_shapes(attributes, inputs)[0]};
}

void differentiate_head_log_prob(GradientBuilder& builder) {
  CHECK(builder.output_gradient(2) == kNoSymbol);
  const std::vector<Symbol> inputs = {
      builder.input(0),  builder.input(1),           builder.input(2),          builder.output(1),
      builder.output(2), builder.output_gradient(0), builder.output_gradient(1)};
  const auto& attributes = builder.attributes();
  const auto d_hidden =
      builder.wants_gradient(1)
          ? builder.accumulate_weight_gradient(1, head_log_prob_gradient, inputs, attributes)
          : builder.apply(head_log_prob_input_gradient, inputs, attributes);
  if (builder.wants_gradient(0)) builder.set_input_gradient(0, d_hidden[0]);
}

}  // namespace troupe
