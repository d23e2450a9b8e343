// Cross-entropy over weighted tokens, given the log-prob of each target:
//   loss = -sum_t weight_t scale log_prob_t
// Supervised tuning's loss; `scale` is 1 / (targets in the global batch).
#pragma once

#include <cstdint>
#include <span>

namespace troupe {

struct NllLossSums {
  double loss = 0;  // weighted and scaled: its sum over packs is the mean
  double nll = 0;   // plain sum
  int64_t tokens = 0;

  NllLossSums& operator+=(const NllLossSums& other);
};

// All spans have one value per token; weight 0 masks a token. Writes d loss / d log_prob.
template <class T>
NllLossSums nll_loss(std::span<const T> log_prob, std::span<const T> weight, T scale,
                     std::span<T> d_log_prob);

}  // namespace troupe
