#include <array>

#include "base/error.h"
#include "kernels/kernel_args.h"
#include "kernels/matmul/linear_group.h"
#include "kernels/matmul/matmul.h"
#include "kernels/matmul/quantized_matmul.h"

namespace troupe {
namespace {

// Weights that are quantised are multiplied together, so that x is rounded and threads are woken
// once.
void multiply_quantized(const KernelArgs& args) {
  std::array<const QuantizedWeight*, kMostGroupedWeights> weights;
  std::array<Tensor, kMostGroupedWeights> outputs;
  size_t count = 0;
  for (size_t i = 0; i < args.outputs.size(); ++i) {
    if (!args.inputs[i + 1].quantized) continue;
    weights[count] = args.inputs[i + 1].quantized;
    outputs[count++] = args.outputs[i];
  }
  if (count > 0)
    matmul_quantized(args.inputs[0], std::span(weights).first(count),
                     std::span(outputs).first(count), *args.context.pool);
}

}  // namespace

void linear_group_cpu(const KernelArgs& args) {
  multiply_quantized(args);
  for (size_t i = 0; i < args.outputs.size(); ++i) {
    const Tensor& weight = args.inputs[i + 1];
    if (weight.quantized) continue;
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
