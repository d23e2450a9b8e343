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

void adamw(std::span<float> weights, std::span<const float> gradient, std::span<float> moment1,
           std::span<float> moment2, const AdamwOptions& options, int64_t step,
           float gradient_scale, ThreadPool& pool) {
  CHECK(gradient.size() == weights.size(), gradient.size(), weights.size());
  CHECK(moment1.size() == weights.size(), moment1.size(), weights.size());
  CHECK(moment2.size() == weights.size(), moment2.size(), weights.size());
  CHECK(step >= 1, step);
  const Factors f(options, step, gradient_scale);
  const auto update = [&](int64_t i, auto lanes) {
    const Vec g = mul(load(gradient.data() + i, lanes), f.gradient_scale);
    const Vec old = load(moment1.data() + i, lanes);
    const Vec m = fma(sub(g, old), f.one_minus_beta1, old);
    const Vec v = fma(mul(g, g), f.one_minus_beta2, mul(load(moment2.data() + i, lanes), f.beta2));
    const Vec root = fma(sqrt(v), f.inverse_root, f.epsilon);
    const Vec w = mul(load(weights.data() + i, lanes), f.keep);
    store(weights.data() + i, fnma(f.step, div(m, root), w), lanes);
    store(moment1.data() + i, m, lanes);
    store(moment2.data() + i, v, lanes);
  };
  const KernelContext context = {.pool = &pool};
  const auto size = static_cast<int64_t>(weights.size());
  parallel_for(context, size, 4,
               [&](int64_t begin, int64_t end) { for_vectors(begin, end, update); });
}

}  // namespace troupe
