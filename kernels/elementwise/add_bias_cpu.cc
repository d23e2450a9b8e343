#include "kernels/elementwise/add_bias.h"
#include "kernels/loops.h"

namespace troupe {

void add_bias_cpu(const KernelArgs& args) {
  const auto &x = args.inputs[0], &y = args.outputs[0];
  const auto* bias = args.inputs[1].as<float>();
  const int64_t columns = x.columns();
  for_float_type(x.dtype, [&](auto zero_of_type) {
    using T = decltype(zero_of_type);
    parallel_for(args.context, x.rows(), columns, [&](int64_t begin, int64_t end) {
      for (int64_t t = begin; t < end; ++t)
        for_vectors(0, columns, [&](int64_t c, auto lanes) {
          const Vec sum = add(load(x.as<T>() + t * columns + c, lanes), load(bias + c, lanes));
          store(y.as<T>() + t * columns + c, sum, lanes);
        });
    });
  });
}

void add_bias_onto(const Tensor& y, const Tensor& bias, const KernelArgs& args) {
  const Tensor inputs[] = {y, bias};
  add_bias_cpu({inputs, {inputs, 1}, args.attributes, args.context});
}

void bias_gradient_cpu(const KernelArgs& args) {
  const auto& dy = args.inputs[0];
  for_float_type(dy.dtype, [&](auto zero_of_type) {
    using T = decltype(zero_of_type);
    add_token_tree(args, dy.rows(), dy.columns(), args.outputs[0].as<float>(),
                   [&](int64_t t, int64_t c, auto lanes, Vec sum) {
                     return add(sum, load(dy.as<T>() + t * dy.columns() + c, lanes));
                   });
  });
}

}  // namespace troupe
