#include "kernels/loops.h"
#include "kernels/loss/value_head.h"

namespace troupe {

void value_head_cpu(const KernelArgs& args) {
  const auto &hidden = args.inputs[0], &weight = args.inputs[1], &y = args.outputs[0];
  const int64_t c = hidden.columns(), outputs = weight.rows();
  for_float_type(hidden.dtype, [&](auto zero_of_type) {
    using T = decltype(zero_of_type);
    parallel_for(args.context, hidden.rows(), c * outputs, [&](int64_t begin, int64_t end) {
      for (int64_t i = begin * outputs; i < end * outputs; ++i) {
        const T* x = hidden.as<T>() + i / outputs * c;
        const float* w = weight.as<float>() + i % outputs * c;
        y.as<float>()[i] = sum_row(c, [&](int64_t at, auto lanes, Vec sum) {
          return fma(load(x + at, lanes), load(w + at, lanes), sum);
        });
      }
    });
  });
}

void value_head_input_gradient_cpu(const KernelArgs& args) {
  const auto &weight = args.inputs[1], &dy = args.inputs[2], &dx = args.outputs[0];
  const int64_t columns = dx.columns(), outputs = weight.rows();
  for_float_type(dx.dtype, [&](auto zero_of_type) {
    using T = decltype(zero_of_type);
    parallel_for(args.context, dx.rows(), columns * outputs, [&](int64_t begin, int64_t end) {
      for (int64_t t = begin; t < end; ++t)
        for_vectors(0, columns, [&](int64_t c, auto lanes) {
          Vec sum = zero();
          for (int64_t o = 0; o < outputs; ++o)
            sum = fma(set1(dy.as<float>()[t * outputs + o]),
                      load(weight.as<float>() + o * columns + c, lanes), sum);
          store(dx.as<T>() + t * columns + c, sum, lanes);
        });
    });
  });
}

void value_head_weight_gradient_cpu(const KernelArgs& args) {
  const auto &hidden = args.inputs[0], &dy = args.inputs[1], &gradient = args.outputs[0];
  const int64_t columns = hidden.columns(), outputs = gradient.rows();
  for_float_type(hidden.dtype, [&](auto zero_of_type) {
    using T = decltype(zero_of_type);
    for (int64_t o = 0; o < outputs; ++o)
      add_in_token_order(args.context, hidden.rows(), columns, gradient.as<float>() + o * columns,
                         [&](int64_t t, int64_t c, auto lanes, Vec sum) {
                           return fma(set1(dy.as<float>()[t * outputs + o]),
                                      load(hidden.as<T>() + t * columns + c, lanes), sum);
                         });
  });
}

}  // namespace troupe
