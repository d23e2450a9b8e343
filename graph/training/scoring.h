// What a whole model makes of given tokens: the log-prob of each, or the mean loss with its
// gradients. Evaluation without a run around it.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "base/pack.h"
#include "graph/training/stage_model.h"

namespace troupe {

// Per row, one value fewer than tokens: log p(row[i + 1] | row[0 .. i]). `model` is whole, with the
// log_prob head; rows aren't empty. Rows share packs of up to `max_tokens_per_pack` tokens (a
// longer row has its own), which changes no bit.
std::vector<std::vector<float>> next_log_probs(StageModel& model,
                                               std::span<const std::vector<int32_t>> rows,
                                               int64_t max_tokens_per_pack = 1024);

struct LabelledPack {
  Pack pack;
  std::vector<int32_t> targets;  // one a token; -1: none
};

// A whole row with each token's successor as its target.
LabelledPack next_token_targets(std::span<const int32_t> ids);

// Cross-entropy, the mean over all targets of all packs. Of a trainable model the gradients() are
// that loss's, finished. Throws where no token has a target.
double mean_cross_entropy(StageModel& model, std::span<const LabelledPack> packs);
double mean_cross_entropy_with_gradients(StageModel& model, std::span<const LabelledPack> packs);

}  // namespace troupe
