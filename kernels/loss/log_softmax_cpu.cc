#include <limits>

#include "kernels/loops.h"
#include "kernels/loss/log_softmax.h"
#include "kernels/math.h"

namespace troupe {
namespace {

// Long rows are summed by blocks, and these in double, so that many small terms are not lost beside
// a large sum.
constexpr int64_t kBlock = 1024;

float max_of(const float* logits, int64_t vocab_size) {
  const Vec lowest = set1(-std::numeric_limits<float>::infinity());
  Vec most = lowest;
  int64_t i = 0;
  for (; i + kLanes <= vocab_size; i += kLanes) most = max(most, load(logits + i));
  const Mask rest = first_lanes(vocab_size - i);
  most = max(most, select(rest, load(logits + i, rest), lowest));
  return reduce_max(most);
}

}  // namespace

// With d = z - max and e = exp(d): log sum exp = max + log(sum e), and the entropy is
// log(sum e) - sum(e d) / sum e.
RowStatistics log_softmax_statistics(const float* logits, int64_t vocab_size, float temperature,
                                     float* weights) {
  const float max = max_of(logits, vocab_size) / temperature;
  double total = 0, weighted = 0;
  for (int64_t begin = 0; begin < vocab_size; begin += kBlock) {
    Vec e_sum = zero(), ed_sum = zero();
    for_vectors(begin, std::min(begin + kBlock, vocab_size), [&](int64_t i, auto lanes) {
      const Vec d = sub(div(load(logits + i, lanes), set1(temperature)), set1(max));
      const Vec e = keep(exp(d), lanes);
      if (weights) store(weights + i, e, lanes);
      e_sum = add(e_sum, e);
      ed_sum = fma(e, d, ed_sum);
    });
    total += reduce_add(e_sum);
    weighted += reduce_add(ed_sum);
  }
  const float log_sum = log(static_cast<float>(total));
  return {max, max + log_sum, log_sum - static_cast<float>(weighted / total)};
}

}  // namespace troupe
