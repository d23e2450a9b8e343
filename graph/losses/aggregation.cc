#include "graph/losses/aggregation.h"

#include <algorithm>
#include <string>

#include "base/error.h"

namespace troupe {

LossAggregation loss_aggregation_from_name(std::string_view name) {
  if (name == "token-mean") return LossAggregation::token_mean;
  if (name == "seq-mean-token-sum") return LossAggregation::seq_mean_token_sum;
  if (name == "seq-mean-token-mean") return LossAggregation::seq_mean_token_mean;
  throw Error("unknown loss aggregation \"" + std::string(name) +
              "\"; known are token-mean, seq-mean-token-sum, seq-mean-token-mean");
}

template <class T>
void token_weights(LossAggregation aggregation, std::span<const T> mask, std::span<T> weight) {
  CHECK(mask.size() == weight.size(), mask.size(), weight.size());
  std::copy(mask.begin(), mask.end(), weight.begin());
  if (aggregation != LossAggregation::seq_mean_token_mean) return;
  const auto tokens = mask.size() - std::count(mask.begin(), mask.end(), T{0});
  for (T& w : weight) w = w == 0 ? 0 : T{1} / static_cast<T>(tokens);
}

double loss_scale(LossAggregation aggregation, int64_t global_tokens, int64_t global_sequences) {
  const auto count = aggregation == LossAggregation::token_mean ? global_tokens : global_sequences;
  return count == 0 ? 0 : 1.0 / static_cast<double>(count);
}

template void token_weights(LossAggregation, std::span<const float>, std::span<float>);
template void token_weights(LossAggregation, std::span<const double>, std::span<double>);

}  // namespace troupe
