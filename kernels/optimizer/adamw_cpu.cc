#include <cmath>

#include "kernels/loops.h"
#include "kernels/math.h"
#include "kernels/optimizer/adamw.h"
#include "kernels/table_math.h"

namespace troupe {
namespace {

// The step's numbers, the same in every lane.
struct Factors {
  Vec gradient_scale, keep, one_minus_beta1, beta2, one_minus_beta2, inverse_root, epsilon, step;

  Factors(const AdamwOptions& options, int64_t step_number, float scale) {
    const double beta1 = options.beta1, beta2_exact = options.beta2, rate = options.learning_rate;
    const double correction1 = 1 - power(beta1, step_number);
    const double correction2 = 1 - power(beta2_exact, step_number);
    const auto all = [](double x) { return set1(static_cast<float>(x)); };
    gradient_scale = set1(scale);
    keep = all(1 - rate * options.weight_decay);
    one_minus_beta1 = all(1 - beta1);
    beta2 = set1(options.beta2);
    one_minus_beta2 = all(1 - beta2_exact);
    inverse_root = all(1 / std::sqrt(correction2));
    epsilon = set1(options.epsilon);
    step = all(rate / correction1);
  }
};

}  // namespace

void adamw(const AdamwTensors& tensors, const AdamwOptions& options, int64_t step,
           float gradient_scale, int64_t begin, int64_t end) {
  const auto& [weights, gradient, moment1, moment2] = tensors;
  CHECK(gradient.size() == weights.size(), gradient.size(), weights.size());
  CHECK(moment1.size() == weights.size(), moment1.size(), weights.size());
  CHECK(moment2.size() == weights.size(), moment2.size(), weights.size());
  CHECK(begin >= 0 && end <= std::ssize(weights), begin, end, weights.size());
  CHECK(step >= 1, step);
  const Factors f(options, step, gradient_scale);
  float *w = weights.data(), *m = moment1.data(), *v = moment2.data();
  const float* g = gradient.data();
  for_vectors(begin, end, [&](int64_t i, auto lanes) {
    const Vec slope = mul(load(g + i, lanes), f.gradient_scale);
    const Vec old = load(m + i, lanes);
    const Vec first = fma(sub(slope, old), f.one_minus_beta1, old);
    const Vec second = fma(mul(slope, slope), f.one_minus_beta2, mul(load(v + i, lanes), f.beta2));
    const Vec root = fma(sqrt(second), f.inverse_root, f.epsilon);
    const Vec kept = mul(load(w + i, lanes), f.keep);
    store(w + i, fnma(f.step, div(first, root), kept), lanes);
    store(m + i, first, lanes);
    store(v + i, second, lanes);
  });
}

}  // namespace troupe
