#include "kernels/embedding/embedding.h"

#include "base/error.h"

namespace troupe {

std::vector<Shape> embedding_shapes(const Attributes&, std::span<const Shape> inputs) {
  CHECK(inputs.size() == 1, inputs.size());
  CHECK(inputs[0].size() == 2, to_string(inputs[0]));
  return {{kTokens, inputs[0][1]}};
}

void differentiate_embedding(GradientBuilder& builder) {
  if (builder.wants_gradient(0))
    builder.accumulate_weight_gradient(0, embedding_weight_gradient,
                                       {builder.output_gradient(0), builder.input(0)},
                                       builder.attributes());
}

}  // namespace troupe
