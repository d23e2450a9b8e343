#include "graph/losses/ranking_loss.h"

#include <algorithm>
#include <cmath>

#include "base/error.h"
#include "base/portable_math.h"

namespace troupe {
namespace {

// log(1 + e^x) without overflow.
double softplus(double x) {
  return std::max(x, 0.0) + portable_log1p(portable_exp(-std::fabs(x)));
}

double sigmoid(double x) {
  const double small = portable_exp(-std::fabs(x));
  return (x >= 0 ? 1 : small) / (1 + small);
}

}  // namespace

RankingLossSums& RankingLossSums::operator+=(const RankingLossSums& other) {
  loss += other.loss, difference += other.difference, right += other.right, pairs += other.pairs;
  return *this;
}

template <class T>
RankingLossSums ranking_loss(const RankingLossConfig& config, const RankingLossInputs<T>& inputs,
                             T scale, std::span<T> d_chosen, std::span<T> d_rejected) {
  const size_t pairs = inputs.chosen.size();
  CHECK(inputs.rejected.size() == pairs, inputs.rejected.size(), pairs);
  CHECK(inputs.margin.empty() || inputs.margin.size() == pairs, inputs.margin.size(), pairs);
  CHECK(d_chosen.size() == pairs && d_rejected.size() == pairs, d_chosen.size(), d_rejected.size(),
        pairs);
  const double center = config.center_rewards_coefficient, square = config.mean_square_coefficient;
  RankingLossSums sums;
  for (size_t i = 0; i < pairs; ++i) {
    const double chosen = inputs.chosen[i], rejected = inputs.rejected[i];
    const double lead = chosen - rejected - (inputs.margin.empty() ? 0 : inputs.margin[i]);
    const double push = sigmoid(-lead), pull = 2 * center * (chosen + rejected);
    d_chosen[i] = scale * static_cast<T>(-push + pull + square * chosen);
    d_rejected[i] = scale * static_cast<T>(push + pull + square * rejected);
    const double sum = chosen + rejected;
    const double loss =
        softplus(-lead) + center * sum * sum + square * (chosen * chosen + rejected * rejected) / 2;
    sums += {scale * loss, chosen - rejected, chosen > rejected, 1};
  }
  return sums;
}

template RankingLossSums ranking_loss(const RankingLossConfig&, const RankingLossInputs<float>&,
                                      float, std::span<float>, std::span<float>);
template RankingLossSums ranking_loss(const RankingLossConfig&, const RankingLossInputs<double>&,
                                      double, std::span<double>, std::span<double>);

}  // namespace troupe
