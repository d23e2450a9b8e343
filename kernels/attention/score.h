// From the product q . k of a (row, key) pair to its score, in powers of two: scaled by 1 /
// sqrt(head_dim), capped softly (arXiv 2408.00118), and lowered with the distance of row and key
// (ALiBi, arXiv 2108.12409), in this order.
#pragma once

#include "kernels/attention/geometry.h"
#include "kernels/math.h"

namespace troupe {

constexpr float kLaneIndex[kLanes] = {0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15};

// The scores of one row of one head with the keys of one block.
class RowScores {
 public:
  // Key 0 of the block is `keys_before` rows before the row; negative where it lies behind it.
  RowScores(const AttentionGeometry& g, int head, int64_t keys_before)
      : factor_(set1(g.log2_scale())),
        is_plain_(g.soft_cap == 0 && !g.alibi_slopes),
        distance_(set1(static_cast<float>(keys_before))) {
    if (is_plain_) return;
    if (g.soft_cap != 0) {
      to_cap_ = g.scale / g.soft_cap;
      log2_cap_ = g.soft_cap * std::numbers::log2e_v<float>;
    }
    if (g.alibi_slopes) log2_slope_ = g.alibi_slopes[head] * std::numbers::log2e_v<float>;
  }

  // Of the keys first_key, first_key + 1, ... of the block.
  Vec log2(Vec product, int first_key) const {
    if (is_plain_) return mul(product, factor_);
    const Vec score = log2_cap_ == 0 ? mul(product, factor_)
                                     : mul(set1(log2_cap_), tanh(mul(product, set1(to_cap_))));
    return fnma(distance(first_key), set1(log2_slope_), score);
  }
  // d score / d (scaled product).
  Vec slope(Vec product) const {
    if (log2_cap_ == 0) return set1(1);
    const Vec t = tanh(mul(product, set1(to_cap_)));
    return fnma(t, t, set1(1));
  }
  bool is_capped() const { return log2_cap_ != 0; }

 private:
  Vec distance(int first_key) const {
    const Vec key = add(load(kLaneIndex), set1(static_cast<float>(first_key)));
    const Vec apart = sub(distance_, key);
    return max(apart, sub(zero(), apart));
  }

  Vec factor_;
  bool is_plain_;
  Vec distance_;
  float to_cap_ = 0, log2_cap_ = 0, log2_slope_ = 0;
};

}  // namespace troupe
