// What the kinds of work that train have in common: a stage of the whole model, and packs for it.
#pragma once

#include <memory>
#include <vector>

#include "benchmarks/model/work.h"
#include "graph/training/scoring.h"

namespace troupe {

// With the log_prob head and the model's weights.
std::shared_ptr<StageModel> make_stage(const WorkContext& context, const StageOptions& options);

// Documents of these lengths, each token's successor its target.
LabelledPack make_pack(const WorkContext& context, const std::vector<int64_t>& lengths);

// Documents of 3072 and 1024 tokens in turn, 2048 in the mean, that fill `tokens`: any 4096 tokens
// ask the same of attention.
std::vector<int64_t> document_lengths(int64_t tokens);

}  // namespace troupe
