// Masked whitening of advantages over all response tokens of the global batch:
//   y = (x - mean) / sqrt(variance + 1e-8)
// verl and TRL take the unbiased variance, OpenRLHF the population's, bounded below by 1e-8. Sums
// are f64 in the order given, so the caller fixes one order of the whole batch.
#pragma once

#include <cstdint>
#include <span>

#include "base/kl_estimator.h"

namespace troupe {

struct Moments {
  double mean = 0;
  double variance =
      0;  // unbiased or the population's, as asked; 0 of fewer than two values if unbiased
  int64_t count = 0;
};

// Of the values whose mask is not 0; an empty mask means all.
template <class T>
Moments masked_moments(std::span<const T> values, std::span<const T> mask, bool unbiased);

// In place. Masked values become 0 unless `keep_masked`, which whitens them too, as verl and
// OpenRLHF do.
template <class T>
void whiten(std::span<T> values, std::span<const T> mask, Compat compat = Compat::verl,
            bool keep_masked = false);

}  // namespace troupe
