#include "kernels/elementwise/add.h"

namespace troupe {

void differentiate_add(GradientBuilder& builder) {
  for (int i = 0; i < 2; ++i)
    if (builder.wants_gradient(i)) builder.set_input_gradient(i, builder.output_gradient(0));
}

}  // namespace troupe
