#include "kernels/elementwise/gelu.h"
#include "kernels/loops.h"
#include "kernels/math.h"

namespace troupe {
namespace {

constexpr int64_t kCostOfExp = 4;  // against a plain addition

Vec absolute(Vec x) {
  return max(x, sub(zero(), x));
}

// x within +-15: beyond it, Phi is 0 or 1 in f32, and its slope 0.
Vec within_range(Vec x) {
  return min(set1(15), max(set1(-15), x));
}

// exp(-x^2 / 2), with what rounding x^2 lost.
Vec bell(Vec x) {
  const Vec square = mul(x, x), lost = fma(x, x, sub(zero(), square));
  const Vec e = exp(mul(set1(-0.5f), square));
  return fnma(mul(e, set1(0.5f)), lost, e);
}

// The normal distribution, from its tail: Phi(-z) = exp(-z^2 / 2) q(1 / (1 + 0.3 z)) for z >= 0,
// where q interpolates at nine Chebyshev nodes of z in [0, 13.5]. Within 1e-6 of its value, in the
// tail too.
Vec normal_distribution(Vec x) {
  const Vec t = div(set1(1), fma(set1(0.3f), absolute(x), set1(1)));
  const Vec q = polynomial(
      t, {3.73693034e-2f, -1.64500043e-1f, 2.19545394e-1f, -6.67151362e-2f, 1.36229157e-1f,
          9.71699879e-2f, 1.21335626e-1f, 1.19562574e-1f, 3.17058084e-6f});
  const Vec tail = mul(bell(x), q);
  return select(less(x, zero()), tail, sub(set1(1), tail));
}

// Phi(x) + x phi(x).
Vec gelu_slope(Vec x) {
  const Vec v = within_range(x), density = mul(bell(v), set1(0.398942280f));
  return fma(v, density, normal_distribution(v));
}

// (1 + tanh(u)) / 2 = sigmoid(2 u), which loses nothing far below 0. `v` is within range.
Vec tanh_share(Vec v) {
  const Vec inner = fma(mul(set1(0.044715f), mul(v, v)), v, v);
  return sigmoid(mul(set1(1.59576912f), inner));
}

Vec gelu_tanh_slope(Vec x) {
  const Vec v = within_range(x), s = tanh_share(v);
  const Vec du = mul(set1(1.59576912f), fma(set1(0.134145f), mul(v, v), set1(1)));
  return fma(mul(v, du), mul(s, sub(set1(1), s)), s);
}

// A NaN goes through, which min and max would stop.
Vec or_nan(Vec y, Vec x) {
  return select(equal(x, x), y, x);
}

// y = f(x), or with dy: dx = dy f(x).
template <class F>
void for_all(const KernelArgs& args, const F& f) {
  const auto &x = args.inputs[0], &y = args.outputs[0];
  const int64_t columns = x.columns();
  const Tensor* dy = args.inputs.size() > 1 ? &args.inputs[1] : nullptr;
  if (dy) CHECK(dy->dtype == x.dtype, name_of(dy->dtype), name_of(x.dtype));
  for_float_type(x.dtype, [&](auto zero_of_type) {
    using T = decltype(zero_of_type);
    parallel_for(args.context, x.rows(), columns * kCostOfExp, [&](int64_t begin, int64_t end) {
      for_vectors(begin * columns, end * columns, [&](int64_t i, auto lanes) {
        const Vec v = load(x.as<T>() + i, lanes);
        const Vec value = or_nan(f(v), v);
        store(y.as<T>() + i, dy ? mul(load(dy->as<T>() + i, lanes), value) : value, lanes);
      });
    });
  });
}

}  // namespace

void gelu_cpu(const KernelArgs& args) {
  for_all(args, [](Vec x) { return mul(x, normal_distribution(within_range(x))); });
}
void gelu_gradient_cpu(const KernelArgs& args) {
  for_all(args, gelu_slope);
}
void gelu_tanh_cpu(const KernelArgs& args) {
  for_all(args, [](Vec x) { return mul(x, tanh_share(within_range(x))); });
}
void gelu_tanh_gradient_cpu(const KernelArgs& args) {
  for_all(args, gelu_tanh_slope);
}

}  // namespace troupe
