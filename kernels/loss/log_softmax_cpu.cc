#include <limits>

#include "kernels/loops.h"
#include "kernels/loss/log_softmax.h"
#include "kernels/loss/with_temperature.h"
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

// The sums over a row of e = exp(d) and of e d, with d = z - max. Keeps e where `weights` is given.
struct Sums {
  double e = 0, ed = 0;
};

template <class Over>
Sums sums_of(const float* logits, int64_t vocab_size, float max, const Over& over, float* weights) {
  Sums sums;
  for (int64_t begin = 0; begin < vocab_size; begin += kBlock) {
    Vec e_sum = zero(), ed_sum = zero();
    for_vectors(begin, std::min(begin + kBlock, vocab_size), [&](int64_t i, auto lanes) {
      const Vec d = sub(over(load(logits + i, lanes)), set1(max));
      const Vec e = keep(exp(d), lanes);
      if (weights) store(weights + i, e, lanes);
      e_sum = add(e_sum, e);
      ed_sum = fma(e, d, ed_sum);
    });
    sums.e += reduce_add(e_sum);
    sums.ed += reduce_add(ed_sum);
  }
  return sums;
}

}  // namespace

// With d = z - max and e = exp(d): log sum exp = max + log(sum e), and the entropy is
// log(sum e) - sum(e d) / sum e.
RowStatistics log_softmax_statistics(const float* logits, int64_t vocab_size, float temperature,
                                     float* weights) {
  const float max = max_of(logits, vocab_size) / temperature;
  const Sums sums = with_temperature(temperature, [&](const auto& over) {
    return sums_of(logits, vocab_size, max, over, weights);
  });
  const float log_sum = log(static_cast<float>(sums.e));
  return {max, max + log_sum, log_sum - static_cast<float>(sums.ed / sums.e)};
}

}  // namespace troupe
