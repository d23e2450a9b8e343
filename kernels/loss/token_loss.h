// What the head asks a loss for while a token's logits are there: a loss whose slope at a token
// depends on that token alone (supervised, PPO, GRPO; not DPO, which compares whole sequences).
#pragma once

#include <cstdint>
#include <functional>
#include <span>

namespace troupe {

// Tokens [first, first + log_prob.size()) of a pack; all spans are as long. The gradients are zero
// when the loss is asked, and it writes those that are not. A token without target has log_prob and
// entropy 0, and its gradients are not read.
struct TokenLossArgs {
  int64_t first = 0;
  std::span<const float> log_prob, entropy;
  std::span<float> d_log_prob, d_entropy;
};

// Is called for one range after another, in order, until each token of the pack was in one.
using TokenLoss = std::function<void(const TokenLossArgs&)>;

}  // namespace troupe
