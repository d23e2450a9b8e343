#include "kernels/elementwise/rope.h"

namespace troupe {

void differentiate_rope(GradientBuilder& builder) {
  if (!builder.wants_gradient(0)) return;
  const Symbol dy = builder.output_gradient(0);
  builder.set_input_gradient(0, builder.apply(rope_gradient, {dy}, builder.attributes())[0]);
}

}  // namespace troupe
