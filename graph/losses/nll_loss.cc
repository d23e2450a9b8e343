#include "graph/losses/nll_loss.h"

#include "base/error.h"

namespace troupe {

NllLossSums& NllLossSums::operator+=(const NllLossSums& other) {
  loss += other.loss, nll += other.nll, tokens += other.tokens;
  return *this;
}

template <class T>
NllLossSums nll_loss(std::span<const T> log_prob, std::span<const T> weight, T scale,
                     std::span<T> d_log_prob) {
  CHECK(weight.size() == log_prob.size(), weight.size(), log_prob.size());
  CHECK(d_log_prob.size() == log_prob.size(), d_log_prob.size(), log_prob.size());
  NllLossSums sums;
  for (size_t t = 0; t < log_prob.size(); ++t) {
    const T scaled_weight = weight[t] * scale;
    d_log_prob[t] = -scaled_weight;
    if (weight[t] == 0) continue;
    const double nll = -static_cast<double>(log_prob[t]);
    sums += {scaled_weight * nll, nll, 1};
  }
  return sums;
}

template NllLossSums nll_loss(std::span<const float>, std::span<const float>, float,
                              std::span<float>);
template NllLossSums nll_loss(std::span<const double>, std::span<const double>, double,
                              std::span<double>);

}  // namespace troupe
