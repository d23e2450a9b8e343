// From what the last stage read off a micro-batch to the gradients that flow back: picks the loss
// (graph/losses) and gives it the micro-batch's columns.
#pragma once

#include <map>
#include <span>
#include <string>
#include <vector>

#include "actors/train/messages.h"

namespace troupe {

// The last stage's outputs of tokens from `first` on. A causal head gives log_prob and entropy, a
// value head values of all tokens.
struct HeadOutputs {
  std::span<const float> log_prob, entropy, values;
  int64_t first = 0;

  size_t size() const { return log_prob.empty() ? values.size() : log_prob.size(); }
};

struct MicroBatchLoss {
  std::map<std::string, std::vector<float>> gradients;  // by output: d loss / d output, as long
  std::map<std::string, double> sums, maxima;           // see BatchResult
};

// Columns that losses read ("weight" is 0 where a row doesn't count):
//   nll      weight
//   policy   weight, old_log_prob, advantage; reference_log_prob if kl_loss_coef > 0
//   value    weight, old_value, return
//   ranking  nothing: sequences 2 i and 2 i + 1 are chosen and rejected, scored at their last token
// Sums and maxima carry what verl's metrics are made of; those of `policy` include the difference
// between log_prob and old_log_prob, which is what rollout and training must agree on in the first
// epoch.
MicroBatchLoss micro_batch_loss(const LossSpec& spec, const MicroBatch& batch,
                                const HeadOutputs& outputs);

}  // namespace troupe
