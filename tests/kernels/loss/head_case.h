// The language-model head on small problems, and the slow truth in double.
#pragma once

#include <cmath>

#include "kernels/loss/head_log_prob.h"
#include "kernels/matmul/matmul.h"
#include "tests/kernels/op_testing.h"

namespace troupe::head_case {

inline constexpr float kTemperature = 0.7f;

// log_prob, then entropy, of every token: in double, from hidden, W.
inline DoubleFunction exact_head(int64_t hidden, int64_t vocab,
                                 const std::vector<int32_t>& targets) {
  return [=](const std::vector<Doubles>& in) {
    const size_t tokens = targets.size();
    Doubles y(2 * tokens);
    for (size_t t = 0; t < tokens; ++t) {
      if (targets[t] < 0) continue;
      Doubles z(vocab);
      for (int64_t v = 0; v < vocab; ++v) {
        for (int64_t c = 0; c < hidden; ++c) z[v] += in[0][t * hidden + c] * in[1][v * hidden + c];
        z[v] /= kTemperature;
      }
      double sum = 0, entropy = 0;
      for (double x : z) sum += std::exp(x);
      for (double x : z) entropy -= std::exp(x) / sum * (x - std::log(sum));
      y[t] = z[targets[t]] - std::log(sum);
      y[tokens + t] = entropy;
    }
    return y;
  };
}

struct Problem {
  int64_t hidden, vocab;
  std::vector<int32_t> targets;
  DType dtype;
  ThreadPool pool;
  PackedWeight packed;
  std::vector<Values> inputs;
  Values d_log_prob, d_entropy;
  Attributes attributes = {.temperature = kTemperature};

  Problem(int64_t tokens, int64_t hidden_, int64_t vocab_, DType dtype_, int threads = 1)
      : hidden(hidden_), vocab(vocab_), dtype(dtype_), pool(threads), packed(vocab, hidden, dtype) {
    for (int64_t t = 0; t < tokens; ++t)
      targets.push_back(t % 4 == 1 ? -1 : static_cast<int32_t>((t * 7 + 3) % vocab));
    inputs = {random_values({tokens, hidden}, dtype, 1),
              random_values({vocab, hidden}, dtype, 2, 0.3f), integer_values(targets)};
    dtype == DType::f32 ? packed.pack(inputs[1].as<float>(), pool)
                        : packed.pack(inputs[1].as<Bf16>(), pool);
    inputs[1].packed = &packed;
    d_log_prob = random_values({tokens}, DType::f32, 3);
    d_entropy = random_values({tokens}, DType::f32, 4);
    for (int64_t t = 0; t < tokens; ++t) {
      if (t % 3 == 0) d_entropy.set(t, 0);
      if (t % 5 == 0) d_log_prob.set(t, 0);  // t % 15 == 0: skipped
    }
  }
  EagerGradients eager() { return {head_log_prob, inputs, attributes, {.pool = &pool}}; }
};

}  // namespace troupe::head_case
