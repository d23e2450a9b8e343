// How per-token losses become one number (verl's loss_agg_mode), as a weight per token: the loss is
// sum_t weight_t scale loss_t, so a micro-batch needs nothing but its own tokens and global counts.
//   token-mean            1                        scale 1 / global response tokens
//   seq-mean-token-sum    1                        scale 1 / global sequences
//   seq-mean-token-mean   1 / (its own tokens)     scale 1 / global sequences that have any
#pragma once

#include <cstdint>
#include <span>
#include <string_view>

namespace troupe {

enum class LossAggregation { token_mean, seq_mean_token_sum, seq_mean_token_mean };

LossAggregation loss_aggregation_from_name(
    std::string_view name);  // verl's names; throws on others

// Turns one sequence's mask (1 = response token, 0 = not) into its weights.
template <class T>
void token_weights(LossAggregation aggregation, std::span<const T> mask, std::span<T> weight);

// The scale that goes with them. Counts are those of the global batch; 0 where the count is 0.
double loss_scale(LossAggregation aggregation, int64_t global_tokens, int64_t global_sequences);

}  // namespace troupe
