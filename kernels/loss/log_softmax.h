// The softmax of one row of logits, as everybody computes it: the trainer's head, and the rollout
// engine for the log-prob that it keeps. Each row's sums have one order, so both get the same bits.
#pragma once

#include <cstdint>

namespace troupe {

// Of logits / temperature.
struct RowStatistics {
  float max = 0;
  float log_sum_exp = 0;
  float entropy = 0;  // in nats
};

// `weights`, unless it is null, gets exp(logit / temperature - max) of each.
RowStatistics log_softmax_statistics(const float* logits, int64_t vocab_size, float temperature,
                                     float* weights = nullptr);

// The log-prob of one id, given its row's statistics.
inline float log_prob_of(const float* logits, int32_t id, float temperature,
                         const RowStatistics& statistics) {
  return logits[id] / temperature - statistics.log_sum_exp;
}

}  // namespace troupe
