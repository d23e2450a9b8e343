// The reward model's loss on preference pairs, with its gradient (Bradley & Terry 1952; TRL's
// RewardTrainer, OpenRLHF's PairWiseLoss; its log-exp form is the same function). With c and r the
// scores of the chosen and the rejected response:
//   loss = sum_pairs scale (-log sigmoid(c - r - margin) + center (c + r)^2 + square (c^2 + r^2) /
//   2)
#pragma once

#include <cstdint>
#include <span>

namespace troupe {

struct RankingLossConfig {
  double center_rewards_coefficient = 0;  // TRL's name: pulls a pair's sum to 0
  double mean_square_coefficient = 0;     // pulls every score to 0
};

// One value per pair; `margin` may be empty.
template <class T>
struct RankingLossInputs {
  std::span<const T> chosen, rejected, margin;
};

struct RankingLossSums {
  double loss = 0;        // scaled: its sum over packs is the mean
  double difference = 0;  // plain sum of c - r
  int64_t right = 0;      // pairs with c > r
  int64_t pairs = 0;

  RankingLossSums& operator+=(const RankingLossSums& other);
};

// Writes d loss / d chosen and d loss / d rejected. `scale` is 1 / (pairs in the global batch).
template <class T>
RankingLossSums ranking_loss(const RankingLossConfig& config, const RankingLossInputs<T>& inputs,
                             T scale, std::span<T> d_chosen, std::span<T> d_rejected);

}  // namespace troupe
