#include <array>

#include "base/error.h"
#include "kernels/elementwise/add_bias.h"
#include "kernels/kernel_args.h"
#include "kernels/matmul/linear_group.h"
#include "kernels/matmul/matmul.h"
#include "kernels/matmul/quantized_matmul.h"

namespace troupe {
namespace {

// Weights of one kind are multiplied together, so that x is made ready and threads are woken once.
template <class Weight>
struct Group {
  std::array<const Weight*, kMostGroupedWeights> weights;
  std::array<Tensor, kMostGroupedWeights> outputs, biases;
  std::array<const float*, kMostGroupedWeights> bias_values;
  size_t size = 0;

  void add(const Weight* weight, const Tensor& output, const Tensor& bias) {
    weights[size] = weight;
    biases[size] = bias;
    bias_values[size] = bias.as<float>();
    outputs[size++] = output;
  }
  std::span<const float* const> all_biases() const { return std::span(bias_values).first(size); }
  std::span<const Weight* const> all_weights() const { return std::span(weights).first(size); }
  std::span<const Tensor> all_outputs() const { return std::span(outputs).first(size); }
};

}  // namespace

void linear_group_cpu(const KernelArgs& args) {
  Group<QuantizedWeight> quantized;
  Group<PackedWeight> packed;
  for (size_t i = 0; i < args.outputs.size(); ++i) {
    const Tensor& weight = args.inputs[i + 1];
    CHECK(weight.quantized || weight.packed, i, to_string(weight.shape));
    const bool has_biases = args.inputs.size() > 1 + args.outputs.size();
    const Tensor bias = has_biases ? args.inputs[1 + args.outputs.size() + i] : Tensor{};
    if (weight.quantized)
      quantized.add(weight.quantized, args.outputs[i], bias);
    else
      packed.add(weight.packed, args.outputs[i], bias);
  }
  const Tensor& x = args.inputs[0];
  ThreadPool& pool = *args.context.pool;
  if (quantized.size > 0)
    matmul_quantized(x, quantized.all_weights(), quantized.all_outputs(), pool);
  for (size_t i = 0; i < quantized.size; ++i)
    if (quantized.biases[i].data) add_bias_onto(quantized.outputs[i], quantized.biases[i], args);
  if (packed.size > 0)
    matmul_group(x, packed.all_weights(), packed.all_outputs(), 1, pool,
                 repeated_in(x, args.context), packed.all_biases());
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
