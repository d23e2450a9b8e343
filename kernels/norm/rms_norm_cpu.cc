#include <cmath>
#include <vector>

#include "kernels/loops.h"
#include "kernels/norm/add_rms_norm.h"
#include "kernels/norm/rms_norm.h"

namespace troupe {
namespace {

// 1 / sqrt(mean(x * x) + epsilon).
template <class T>
float inverse_rms(const T* x, int64_t hidden, float epsilon) {
  const float sum = sum_row(hidden, [&](int64_t c, auto lanes, Vec s) {
    const Vec v = load(x + c, lanes);
    return fma(v, v, s);
  });
  return 1 / std::sqrt(sum / static_cast<float>(hidden) + epsilon);
}

template <class T>
void norm_row(const T* x, const float* weight, T* y, int64_t hidden, float epsilon) {
  const Vec scale = set1(inverse_rms(x, hidden, epsilon));
  for_vectors(0, hidden, [&](int64_t c, auto lanes) {
    const Vec normed = mul(load(x + c, lanes), scale);
    store(y + c, mul(normed, load(weight + c, lanes)), lanes);
  });
}

template <class T>
void add_rows(const T* a, const T* b, T* sum, int64_t hidden) {
  for_vectors(0, hidden, [&](int64_t c, auto lanes) {
    store(sum + c, add(load(a + c, lanes), load(b + c, lanes)), lanes);
  });
}

// With g = dy * weight and s = 1 / rms: dx = g s - x s^3 mean(g x).
template <class T>
void differentiate_row(const T* x, const float* weight, const T* dy, T* dx, int64_t hidden,
                       float epsilon) {
  const float s = inverse_rms(x, hidden, epsilon);
  const float dot = sum_row(hidden, [&](int64_t c, auto lanes, Vec sum) {
    return fma(mul(load(dy + c, lanes), load(weight + c, lanes)), load(x + c, lanes), sum);
  });
  const Vec scale = set1(s), along = set1(dot / static_cast<float>(hidden) * s * s * s);
  for_vectors(0, hidden, [&](int64_t c, auto lanes) {
    const Vec g = mul(load(dy + c, lanes), load(weight + c, lanes));
    store(dx + c, fnma(along, load(x + c, lanes), mul(g, scale)), lanes);
  });
}

}  // namespace

MakeRow normed_rows(const Tensor& x, const Tensor& weight, float epsilon) {
  MakeRow make_row;
  for_float_type(x.dtype, [&](auto zero_of_type) {
    using T = decltype(zero_of_type);
    make_row = [from = x.as<T>(), scales = weight.as<float>(), hidden = x.columns(), epsilon](
                   int64_t row, void* to) {
      norm_row(from + row * hidden, scales, static_cast<T*>(to), hidden, epsilon);
    };
  });
  return make_row;
}

void rms_norm_cpu(const KernelArgs& args) {
  const auto &x = args.inputs[0], &y = args.outputs[0];
  const auto* weight = args.inputs[1].as<float>();
  const int64_t hidden = x.columns();
  for_float_type(x.dtype, [&](auto zero_of_type) {
    using T = decltype(zero_of_type);
    parallel_for(args.context, x.rows(), hidden, [&](int64_t begin, int64_t end) {
      for (int64_t t = begin; t < end; ++t)
        norm_row(x.as<T>() + t * hidden, weight, y.as<T>() + t * hidden, hidden,
                 args.attributes.epsilon);
    });
  });
}

void add_rms_norm_cpu(const KernelArgs& args) {
  const auto &x = args.inputs[0], &branch = args.inputs[1];
  const auto &sum = args.outputs[0], &y = args.outputs[1];
  const auto* weight = args.inputs[2].as<float>();
  const int64_t hidden = x.columns();
  CHECK(branch.dtype == x.dtype, name_of(branch.dtype), name_of(x.dtype));
  for_float_type(x.dtype, [&](auto zero_of_type) {
    using T = decltype(zero_of_type);
    parallel_for(args.context, x.rows(), 2 * hidden, [&](int64_t begin, int64_t end) {
      for (int64_t t = begin; t < end; ++t) {
        T* const row = sum.as<T>() + t * hidden;
        add_rows(x.as<T>() + t * hidden, branch.as<T>() + t * hidden, row, hidden);
        norm_row(row, weight, y.as<T>() + t * hidden, hidden, args.attributes.epsilon);
      }
    });
  });
}

void rms_norm_gradient_cpu(const KernelArgs& args) {
  const auto &x = args.inputs[0], &dy = args.inputs[2], &dx = args.outputs[0];
  const auto* weight = args.inputs[1].as<float>();
  const int64_t hidden = x.columns();
  CHECK(dy.dtype == x.dtype, name_of(dy.dtype), name_of(x.dtype));
  for_float_type(x.dtype, [&](auto zero_of_type) {
    using T = decltype(zero_of_type);
    parallel_for(args.context, x.rows(), 2 * hidden, [&](int64_t begin, int64_t end) {
      for (int64_t t = begin; t < end; ++t)
        differentiate_row(x.as<T>() + t * hidden, weight, dy.as<T>() + t * hidden,
                          dx.as<T>() + t * hidden, hidden, args.attributes.epsilon);
    });
  });
}

void add_rms_norm_gradient_cpu(const KernelArgs& args) {
  const auto &x = args.inputs[0], &dy = args.inputs[2], &other = args.inputs[3];
  const auto& dx = args.outputs[0];
  const auto* weight = args.inputs[1].as<float>();
  const int64_t hidden = x.columns();
  CHECK(dy.dtype == x.dtype && other.dtype == x.dtype, name_of(dy.dtype), name_of(other.dtype));
  for_float_type(x.dtype, [&](auto zero_of_type) {
    using T = decltype(zero_of_type);
    parallel_for(args.context, x.rows(), 3 * hidden, [&](int64_t begin, int64_t end) {
      for (int64_t t = begin; t < end; ++t) {
        T* const row = dx.as<T>() + t * hidden;
        differentiate_row(x.as<T>() + t * hidden, weight, dy.as<T>() + t * hidden, row, hidden,
                          args.attributes.epsilon);
        add_rows(other.as<T>() + t * hidden, row, row, hidden);
      }
    });
  });
}

void rms_norm_weight_gradient_cpu(const KernelArgs& args) {
  thread_local std::vector<float> scales;  // [tokens]
  const auto &x = args.inputs[0], &dy = args.inputs[1];
  const int64_t hidden = x.columns();
  CHECK(dy.dtype == x.dtype, name_of(dy.dtype), name_of(x.dtype));
  scales.resize(x.rows());
  float* const scale = scales.data();  // the caller's, also on other threads
  for_float_type(x.dtype, [&](auto zero_of_type) {
    using T = decltype(zero_of_type);
    parallel_for(args.context, x.rows(), hidden, [&](int64_t begin, int64_t end) {
      for (int64_t t = begin; t < end; ++t)
        scale[t] = inverse_rms(x.as<T>() + t * hidden, hidden, args.attributes.epsilon);
    });
    add_token_tree(args, x.rows(), hidden, args.outputs[0].as<float>(),
                   [&](int64_t t, int64_t c, auto lanes, Vec sum) {
                     const int64_t at = t * hidden + c;
                     const Vec normed = mul(load(x.as<T>() + at, lanes), set1(scale[t]));
                     return fma(load(dy.as<T>() + at, lanes), normed, sum);
                   });
  });
}

}  // namespace troupe
