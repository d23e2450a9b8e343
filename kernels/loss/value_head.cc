#include "kernels/loss/value_head.h"

namespace troupe {

void differentiate_value_head(GradientBuilder& builder) {
  const Symbol hidden = builder.input(0), dy = builder.output_gradient(0);
  const auto& attributes = builder.attributes();
  if (builder.wants_gradient(0))
    builder.set_input_gradient(
        0, builder.apply(value_head_input_gradient, {hidden, builder.input(1), dy}, attributes)[0]);
  if (builder.wants_gradient(1))
    builder.accumulate_weight_gradient(1, value_head_weight_gradient, {hidden, dy}, attributes);
}

}  // namespace troupe
