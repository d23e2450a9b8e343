#include "base/error.h"
#include "kernels/elementwise/add.h"
#include "kernels/elementwise/add_bias.h"
#include "kernels/kernel_args.h"
#include "kernels/matmul/linear.h"
#include "kernels/matmul/matmul.h"
#include "kernels/matmul/quantized_matmul.h"

namespace troupe {
namespace {

const PackedWeight& packed(const Tensor& weight) {
  CHECK(weight.packed != nullptr, to_string(weight.shape));
  return *weight.packed;
}

// y = y + residual.
void add_residual(const Tensor& y, const Tensor& residual, const KernelArgs& args) {
  const Tensor inputs[] = {y, residual};
  add_cpu({inputs, {inputs, 1}, args.attributes, args.context});
}

void forward(const KernelArgs& args, int num_slices) {
  const Tensor &x = args.inputs[0], &weight = args.inputs[1], &y = args.outputs[0];
  const Tensor bias = args.inputs.size() > 2 ? args.inputs[2] : Tensor{};
  const Tensor residual = args.inputs.size() > 3 ? args.inputs[3] : Tensor{};
  if (!weight.quantized) {
    const auto* values = bias.as<float>();
    return matmul(x, packed(weight), y, num_slices, *args.context.pool,
                  repeated_in(x, args.context), {.biases = {&values, 1}, .residual = residual});
  }
  matmul_quantized(x, {&weight.quantized, 1}, {&y, 1}, *args.context.pool);
  if (bias.data) add_bias_onto(y, bias, args);
  if (residual.data) add_residual(y, residual, args);
}

void input_gradient(const Tensor& dy, const Tensor& weight, const Tensor& dx,
                    const KernelArgs& args) {
  const PackedWeight* w = &packed(weight);
  matmul_input_gradient({&dy, 1}, {&w, 1}, dx, args.attributes.num_slices, *args.context.pool);
}

}  // namespace

void linear_cpu(const KernelArgs& args) {
  forward(args, args.attributes.num_slices);
}

void linear_f32_cpu(const KernelArgs& args) {
  forward(args, 1);
}

void linear_input_gradient_cpu(const KernelArgs& args) {
  input_gradient(args.inputs[0], args.inputs[1], args.outputs[0], args);
}

void linear_f32_input_gradient_cpu(const KernelArgs& args) {
  input_gradient(args.inputs[1], args.inputs[2], args.outputs[0], args);
}

void linear_weight_gradient_cpu(const KernelArgs& args) {
  const Tensor& dw = args.outputs.back();
  matmul_weight_gradient(args.inputs[0], args.inputs[1], dw.as<float>(), *args.context.pool,
                         dw.holds_nothing ? Onto::nothing : Onto::sum);
}

}  // namespace troupe
