#include "kernels/elementwise/add_bias.h"

namespace troupe {

void differentiate_add_bias(GradientBuilder& builder) {
  const Symbol dy = builder.output_gradient(0);
  if (builder.wants_gradient(0)) builder.set_input_gradient(0, dy);
  if (builder.wants_gradient(1))
    builder.accumulate_weight_gradient(1, bias_gradient, {dy}, builder.attributes());
}

}  // namespace troupe
