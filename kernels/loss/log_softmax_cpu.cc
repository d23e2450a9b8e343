#include <limits>

#include "base/counter_tree.h"
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

RowSums add_sums(const RowSums& a, const RowSums& b) {
  return {a.e + b.e, a.ed + b.ed};
}

template <class Over>
RowSums slice_sums(const float* logits, int64_t size, float max, const Over& over, float* weights) {
  RowSums sums;
  for (int64_t begin = 0; begin < size; begin += kBlock) {
    Vec e_sum = zero(), ed_sum = zero();
    for_vectors(begin, std::min(begin + kBlock, size), [&](int64_t i, auto lanes) {
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

float row_max(const float* logits, int64_t size, float temperature) {
  return max_of(logits, size) / temperature;
}

RowSums row_sums(const float* logits, int64_t size, int num_slices, float max, float temperature,
                 float* weights) {
  CHECK(num_slices >= 1 && size % num_slices == 0, size, num_slices);
  const int64_t each = size / num_slices;
  return with_temperature(temperature, [&](const auto& over) {
    CounterTree<RowSums> tree;
    for (int slice = 0; slice < num_slices; ++slice)
      tree.add(slice_sums(logits + slice * each, each, max, over,
                          weights ? weights + slice * each : nullptr),
               add_sums);
    return tree.total(add_sums);
  });
}

// Log sum exp = max + log(sum e), and the entropy is log(sum e) - sum(e d) / sum e.
RowStatistics row_statistics(float max, const RowSums& sums) {
  const float log_sum = log(static_cast<float>(sums.e));
  return {max, max + log_sum, log_sum - static_cast<float>(sums.ed / sums.e)};
}

RowStatistics log_softmax_statistics(const float* logits, int64_t vocab_size, float temperature,
                                     float* weights) {
  const float max = row_max(logits, vocab_size, temperature);
  return row_statistics(
      max, row_sums(logits, vocab_size, vocab_slices(vocab_size), max, temperature, weights));
}

}  // namespace troupe
