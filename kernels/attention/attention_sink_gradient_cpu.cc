// The gradient of attention sinks: one more key per row whose value is 0, so that of a loss L
//
//   dL / d sink_h = - sum_t exp(sink_h - log_sum_exp[t, h]) (d_out[t, h] . out[t, h])
#include "kernels/attention/attention.h"
#include "kernels/loops.h"
#include "kernels/math.h"

namespace troupe {
namespace {

// Of one row and head.
template <class T>
float sink_term(const T* d_out, const T* out, int64_t head_dim, float log_weight) {
  Vec sum = zero();
  for_vectors(0, head_dim, [&](int64_t d, auto lanes) {
    sum = fma(load(d_out + d, lanes), load(out + d, lanes), sum);
  });
  return -exp(log_weight) * reduce_add(sum);
}

}  // namespace

void attention_sink_gradient_cpu(const KernelArgs& args) {
  const auto &d_out = args.inputs[0], &out = args.inputs[1];
  const auto *log_sum_exp = args.inputs[2].as<float>(), *sinks = args.inputs[3].as<float>();
  const int64_t tokens = d_out.rows(), heads = args.inputs[2].columns();
  const int64_t head_dim = d_out.columns() / heads;
  std::vector<float> terms(tokens * heads);
  for_float_type(d_out.dtype, [&](auto zero_of_type) {
    using T = decltype(zero_of_type);
    parallel_for(args.context, tokens, d_out.columns(), [&](int64_t begin, int64_t end) {
      for (int64_t i = begin * heads; i < end * heads; ++i)
        terms[i] = sink_term(d_out.as<T>() + i * head_dim, out.as<T>() + i * head_dim, head_dim,
                             sinks[i % heads] - log_sum_exp[i]);
    });
  });
  add_token_tree(args, tokens, heads, args.outputs[0].as<float>(),
                 [&](int64_t t, int64_t h, auto lanes, Vec sum) {
                   return add(sum, load(terms.data() + t * heads + h, lanes));
                 });
}

}  // namespace troupe
