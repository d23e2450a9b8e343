#include <algorithm>
#include <array>
#include <vector>

#include "base/error.h"
#include "kernels/elementwise/add_bias.h"
#include "kernels/elementwise/swiglu.h"
#include "kernels/kernel_args.h"
#include "kernels/matmul/left_operand.h"
#include "kernels/matmul/linear_group.h"
#include "kernels/matmul/matmul.h"
#include "kernels/matmul/quantized_matmul.h"
#include "kernels/norm/rms_norm.h"

namespace troupe {
namespace {

// Weights of one kind are multiplied together, so that x is made ready and threads are woken once.
template <class Weight>
struct Group {
  std::array<const Weight*, kMostGroupedWeights> weights;
  std::array<Tensor, kMostGroupedWeights> outputs;
  std::array<const float*, kMostGroupedWeights> biases;
  size_t size = 0;

  void add(const Weight* weight, const Tensor& output, const Tensor& bias) {
    weights[size] = weight;
    biases[size] = bias.as<float>();
    outputs[size++] = output;
  }
  std::span<const float* const> all_biases() const { return std::span(biases).first(size); }
  std::span<const Weight* const> all_weights() const { return std::span(weights).first(size); }
  std::span<const Tensor> all_outputs() const { return std::span(outputs).first(size); }
};

// Of output i of `count`; without data where it has none.
Tensor bias_of(const KernelArgs& args, size_t count, size_t i) {
  const size_t at = 1 + count + i;
  return at < args.inputs.size() ? args.inputs[at] : Tensor{};
}

// `gated`: SwiGLU of two outputs, or null. `make_row` makes x's rows, of weights that are packed.
void multiply_group(const KernelArgs& args, size_t count, const Tensor* gated,
                    const MakeRow& make_row = {}) {
  Group<QuantizedWeight> quantized;
  Group<PackedWeight> packed;
  for (size_t i = 0; i < count; ++i) {
    const Tensor& weight = args.inputs[i + 1];
    CHECK(weight.quantized || weight.packed, i, to_string(weight.shape));
    if (weight.quantized)
      quantized.add(weight.quantized, args.outputs[i], {});
    else
      packed.add(weight.packed, args.outputs[i], bias_of(args, count, i));
  }
  const Tensor& x = args.inputs[0];
  ThreadPool& pool = *args.context.pool;
  if (quantized.size > 0)
    matmul_quantized(x, quantized.all_weights(), quantized.all_outputs(), pool);
  for (size_t i = 0; i < count; ++i)
    if (const Tensor bias = bias_of(args, count, i); bias.data && args.inputs[i + 1].quantized)
      add_bias_onto(args.outputs[i], bias, args);
  if (packed.size > 0)
    matmul_group(x, packed.all_weights(), packed.all_outputs(), 1, pool,
                 repeated_in(x, args.context),
                 {make_row, packed.all_biases(), {}, quantized.size == 0 ? gated : nullptr});
  if (gated && quantized.size > 0)
    swiglu_cpu({args.outputs.first(2), {gated, 1}, args.attributes, args.context});
}

// Whether products can read x's rows without rounding or filling them up.
bool reads_rows_as_they_are(const Tensor& x, std::span<const Tensor> weights) {
  return fills_words(x.columns(), x.dtype) && std::ranges::all_of(weights, [&](const Tensor& w) {
           return w.packed && w.packed->dtype() == x.dtype;
         });
}

// In memory that the calling thread keeps for the next call.
Tensor norm_all(const KernelArgs& args) {
  thread_local std::vector<std::byte> buffer;
  const Tensor& x = args.inputs[0];
  buffer.resize(std::max(buffer.size(), num_elements(x.shape) * size_of(x.dtype)));
  const Tensor normed = {buffer.data(), x.dtype, x.shape};
  const Tensor inputs[] = {x, args.inputs.back()};
  rms_norm_cpu({inputs, {&normed, 1}, args.attributes, args.context});
  return normed;
}

void norm_and_multiply_group(const KernelArgs& args, size_t count, const Tensor* gated) {
  const auto inputs = args.inputs.first(args.inputs.size() - 1);
  const Tensor &x = inputs[0], &norm = args.inputs.back();
  if (reads_rows_as_they_are(x, inputs.subspan(1, count)))
    return multiply_group({inputs, args.outputs, args.attributes, args.context}, count, gated,
                          normed_rows(x, norm, args.attributes.epsilon));
  std::vector<Tensor> normed(inputs.begin(), inputs.end());
  normed[0] = norm_all(args);
  multiply_group({normed, args.outputs, args.attributes, args.context}, count, gated);
}

}  // namespace

void linear_group_cpu(const KernelArgs& args) {
  multiply_group(args, args.outputs.size(), nullptr);
}

void linear_group_swiglu_cpu(const KernelArgs& args) {
  multiply_group(args, 2, &args.outputs[2]);
}

void norm_linear_group_cpu(const KernelArgs& args) {
  norm_and_multiply_group(args, args.outputs.size(), nullptr);
}

void norm_linear_group_swiglu_cpu(const KernelArgs& args) {
  norm_and_multiply_group(args, 2, &args.outputs[2]);
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
