#include "kernels/norm/rms_norm.h"

namespace troupe {

void differentiate_rms_norm(GradientBuilder& builder) {
  const Symbol x = builder.input(0), weight = builder.input(1), dy = builder.output_gradient(0);
  if (builder.wants_gradient(0))
    builder.set_input_gradient(
        0, builder.apply(rms_norm_gradient, {x, weight, dy}, builder.attributes())[0]);
  if (builder.wants_gradient(1))
    builder.accumulate_weight_gradient(1, rms_norm_weight_gradient, {x, dy}, builder.attributes());
}

}  // namespace troupe
