#include "kernels/matmul/linear.h"

#include "base/error.h"

namespace troupe {
namespace {

Attributes with_slices(Attributes attributes, int num_slices) {
  attributes.num_slices = num_slices;
  return attributes;
}

void weight_gradient(GradientBuilder& builder) {
  if (!builder.wants_gradient(1)) return;
  builder.accumulate_weight_gradient(1, linear_weight_gradient,
                                     {builder.output_gradient(0), builder.input(0)},
                                     builder.attributes());
}

}  // namespace

std::vector<Shape> linear_residual_shapes(const Attributes&, std::span<const Shape> inputs) {
  CHECK(inputs.size() == 4, linear_residual.name, inputs.size());
  const Shape &x = inputs[0], &w = inputs[1], &bias = inputs[2], &residual = inputs[3];
  CHECK(x.size() == 2 && w.size() == 2 && w[1] == x[1], to_string(x), to_string(w));
  CHECK(bias.empty() || bias == Shape{w[0]}, to_string(bias), to_string(w));
  CHECK(residual == (Shape{x[0], w[0]}), to_string(residual), to_string(x), to_string(w));
  return {residual};
}

void linear_gradient(GradientBuilder& builder) {
  const Symbol dy = builder.output_gradient(0);
  if (dy == kNoSymbol) return;
  if (builder.wants_gradient(0)) {
    const auto dx = builder.apply(linear_input_gradient, {dy, builder.input(1)},
                                  with_slices(builder.attributes(), 1));
    builder.set_input_gradient(0, dx[0]);
  }
  weight_gradient(builder);
}

void linear_f32_gradient(GradientBuilder& builder) {
  const Symbol dy = builder.output_gradient(0);
  if (dy == kNoSymbol) return;
  if (builder.wants_gradient(0)) {
    const auto dx =
        builder.apply(linear_f32_input_gradient, {builder.input(0), dy, builder.input(1)},
                      with_slices(builder.attributes(), 1));
    builder.set_input_gradient(0, dx[0]);
  }
  weight_gradient(builder);
}

}  // namespace troupe
