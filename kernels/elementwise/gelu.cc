#include "kernels/elementwise/gelu.h"

namespace troupe {
namespace {

void differentiate(GradientBuilder& builder, const OpDef& gradient) {
  if (!builder.wants_gradient(0)) return;
  builder.set_input_gradient(0,
                             builder.apply(gradient, {builder.input(0), builder.output_gradient(0)},
                                           builder.attributes())[0]);
}

}  // namespace

void differentiate_gelu(GradientBuilder& builder) {
  differentiate(builder, gelu_gradient);
}
void differentiate_gelu_tanh(GradientBuilder& builder) {
  differentiate(builder, gelu_tanh_gradient);
}

}  // namespace troupe
