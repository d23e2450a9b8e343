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

// The same in its parts, for a vocabulary that several devices share: the largest logit, over the
// temperature; then the sums over a row of e = exp(d) and of e d, with d = logit / temperature -
// max, over `num_slices` slices that are added as a tree.
struct RowSums {
  double e = 0, ed = 0;
};
float row_max(const float* logits, int64_t size, float temperature);
RowSums row_sums(const float* logits, int64_t size, int num_slices, float max, float temperature,
                 float* weights = nullptr);
RowStatistics row_statistics(float max, const RowSums& sums);

// Slices of a vocabulary, in these sums and in the hidden states' gradient: in one long sum
// thousands of small probabilities would be lost beside the target's row. Powers of two, so that
// ranks of a vocabulary cut in 2, 4, 8 ... own whole subtrees; even slices of at least 256 ids, for
// bf16's pairs.
constexpr int vocab_slices(int64_t vocab_size) {
  int slices = 1;
  while (slices < 128 && vocab_size % (4 * slices) == 0 && vocab_size / slices >= 512) slices *= 2;
  return slices;
}

// The log-prob of one id, given its row's statistics.
inline float log_prob_of(const float* logits, int32_t id, float temperature,
                         const RowStatistics& statistics) {
  return logits[id] / temperature - statistics.log_sum_exp;
}

}  // namespace troupe
