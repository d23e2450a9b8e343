#include "kernels/matmul/linear.h"

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
