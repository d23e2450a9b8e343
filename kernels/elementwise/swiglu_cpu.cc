#include "kernels/elementwise/swiglu.h"
#include "kernels/loops.h"
#include "kernels/math.h"

namespace troupe {
namespace {

constexpr int64_t kCostOfExp = 4;  // against a plain addition

}  // namespace

void swiglu_cpu(const KernelArgs& args) {
  const auto &gate = args.inputs[0], &up = args.inputs[1], &y = args.outputs[0];
  const int64_t columns = gate.columns();
  CHECK(gate.dtype == up.dtype, name_of(gate.dtype), name_of(up.dtype));
  for_float_type(gate.dtype, [&](auto zero_of_type) {
    using T = decltype(zero_of_type);
    parallel_for(args.context, gate.rows(), columns * kCostOfExp, [&](int64_t begin, int64_t end) {
      for_vectors(begin * columns, end * columns, [&](int64_t i, auto lanes) {
        const Vec g = load(gate.as<T>() + i, lanes), u = load(up.as<T>() + i, lanes);
        store(y.as<T>() + i, swiglu_of(g, u), lanes);
      });
    });
  });
}

// With s = sigmoid(gate): dgate = dy up s (1 + gate (1 - s)), dup = dy gate s.
void swiglu_gradient_cpu(const KernelArgs& args) {
  const auto &gate = args.inputs[0], &up = args.inputs[1], &dy = args.inputs[2];
  const int64_t columns = gate.columns();
  CHECK(gate.dtype == dy.dtype, name_of(gate.dtype), name_of(dy.dtype));
  for_float_type(gate.dtype, [&](auto zero_of_type) {
    using T = decltype(zero_of_type);
    T *dgate = args.outputs[0].as<T>(), *dup = args.outputs[1].as<T>();
    parallel_for(args.context, gate.rows(), columns * kCostOfExp, [&](int64_t begin, int64_t end) {
      for_vectors(begin * columns, end * columns, [&](int64_t i, auto lanes) {
        const Vec g = load(gate.as<T>() + i, lanes), u = load(up.as<T>() + i, lanes);
        const Vec d = load(dy.as<T>() + i, lanes), s = sigmoid(g);
        const Vec slope = mul(s, fma(g, sub(set1(1), s), set1(1)));
        store(dgate + i, mul(mul(d, u), slope), lanes);
        store(dup + i, mul(d, mul(g, s)), lanes);
      });
    });
  });
}

}  // namespace troupe
