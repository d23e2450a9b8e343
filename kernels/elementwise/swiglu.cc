#include "kernels/elementwise/swiglu.h"

namespace troupe {

void differentiate_swiglu(GradientBuilder& builder) {
  if (!builder.wants_gradient(0) && !builder.wants_gradient(1)) return;
  const auto gradients = builder.apply(
      swiglu_gradient, {builder.input(0), builder.input(1), builder.output_gradient(0)},
      builder.attributes());
  for (int i = 0; i < 2; ++i)
    if (builder.wants_gradient(i)) builder.set_input_gradient(i, gradients[i]);
}

}  // namespace troupe
