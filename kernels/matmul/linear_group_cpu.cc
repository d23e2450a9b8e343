#include <array>

#include "base/error.h"
#include "kernels/kernel_args.h"
#include "kernels/matmul/linear_group.h"
#include "kernels/matmul/matmul.h"

namespace troupe {

void linear_group_cpu(const KernelArgs& args) {
  for (size_t i = 0; i < args.outputs.size(); ++i) {
    const Tensor& weight = args.inputs[i + 1];
    CHECK(weight.packed != nullptr, i, to_string(weight.shape));
    matmul(args.inputs[0], *weight.packed, args.outputs[i], 1, *args.context.pool);
  }
}

void linear_group_input_gradient_cpu(const KernelArgs& args) {
  const size_t count = args.inputs.size() / 2;
  CHECK(count <= kMostGroupedWeights, count);
  std::array<const PackedWeight*, kMostGroupedWeights> weights;
  for (size_t i = 0; i < count; ++i) {
    weights[i] = args.inputs[count + i].packed;
    CHECK(weights[i] != nullptr, i, to_string(args.inputs[count + i].shape));
  }
  matmul_input_gradient(args.inputs.first(count), std::span(weights).first(count), args.outputs[0],
                        args.attributes.num_slices, *args.context.pool);
}

}  // namespace troupe
