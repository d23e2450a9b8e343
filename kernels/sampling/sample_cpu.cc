#include <bit>
#include <cmath>
#include <vector>

#include "kernels/loops.h"
#include "kernels/loss/log_softmax.h"
#include "kernels/sampling/candidates.h"
#include "kernels/sampling/penalties.h"
#include "kernels/sampling/sample.h"

namespace troupe {
namespace {

void check(std::span<const float> logits, const SamplingOptions& options) {
  CHECK(!logits.empty());
  CHECK(options.temperature >= 0, options.temperature);
  CHECK(options.top_k >= 0, options.top_k);
  CHECK(options.top_p > 0 && options.top_p <= 1, options.top_p);
  CHECK(options.min_p >= 0 && options.min_p <= 1, options.min_p);
  CHECK(options.repetition_penalty > 0, options.repetition_penalty);
  CHECK(std::isfinite(options.frequency_penalty), options.frequency_penalty);
  CHECK(std::isfinite(options.presence_penalty), options.presence_penalty);
}

// Weights are exp(logit / temperature - the largest of these). A NaN among the logits ends here.
RowStatistics make_weights(std::span<const float> logits, float temperature,
                           std::vector<float>& weights) {
  weights.resize(logits.size());
  const auto statistics =
      log_softmax_statistics(logits.data(), std::ssize(logits), temperature, weights.data());
  CHECK(std::isfinite(statistics.max) && std::isfinite(statistics.log_sum_exp), statistics.max,
        statistics.log_sum_exp);
  return statistics;
}

int32_t first_of_largest(std::span<const float> logits) {
  Vec most = set1(logits[0]);
  for_vectors(0, std::ssize(logits), [&](int64_t i, auto lanes) {
    const Vec v = load(&logits[i], lanes);
    if constexpr (std::is_same_v<decltype(lanes), Mask>)
      most = max(most, select(lanes, v, most));
    else
      most = max(most, v);
  });
  const Vec largest = set1(reduce_max(most));
  for (int64_t i = 0;; i += kLanes) {
    const Mask lanes = first_lanes(std::ssize(logits) - i);
    const auto found = static_cast<unsigned>(lanes & equal(load(&logits[i], lanes), largest));
    if (found != 0) return static_cast<int32_t>(i + std::countr_zero(found));
  }
}

int32_t choose(std::span<const float> logits, std::span<const float> weights,
               const SamplingOptions& options, const RandomAddress& address) {
  if (options.temperature == 0) return first_of_largest(logits);
  const bool filters = options.top_k > 0 || options.top_p < 1 || options.min_p > 0;
  return filters ? choose_filtered(logits, weights, options, uniform(address))
                 : choose_any(weights, uniform(address));
}

}  // namespace

SampledToken sample(std::span<const float> logits, const SamplingOptions& options,
                    const SeenIds& seen, const RandomAddress& address) {
  thread_local std::vector<float> weights, penalized;
  check(logits, options);
  const float temperature = options.temperature > 0 ? options.temperature : 1;
  const RowStatistics statistics = make_weights(logits, temperature, weights);
  std::span<const float> shaped = logits;
  if (has_penalties(options)) {
    penalized.assign(logits.begin(), logits.end());
    apply_penalties(penalized, options, seen);
    make_weights(penalized, temperature, weights);
    shaped = penalized;
  }
  const int32_t id = choose(shaped, weights, options, address);
  return {id, log_prob_of(logits.data(), id, temperature, statistics)};
}

}  // namespace troupe
