// What model_bench times: a piece of work over a whole model, set up once and then done again and
// again, so that rounds can alternate with those of another program.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "actors/model/loaded_model.h"
#include "base/dtype.h"

namespace troupe {

class ThreadPool;

struct Round {
  double seconds = 0;
  int64_t tokens = 0;
  std::string more;  // what else the answer says: ", key: value ..." in JSON
};
using Work = std::function<Round()>;

struct WorkContext {
  const LoadedModel& model;
  DType dtype;  // of activations, and of dense weights
  WeightFormat weights;
  ThreadPool& pool;
};

// Forward and backward of the cross-entropy of all tokens of `rows` rows in one pack; 0 slices are
// as many as the model has.
Work train_work(const WorkContext& context, int64_t rows, int64_t row_tokens, int tensor_slices);
// The same of one pack of documents of 2048 tokens in the mean, with layers computed twice.
Work documents_work(const WorkContext& context, int64_t tokens);
// That and AdamW; the answer says what it was predicted to take, by class, and what it took.
Work memory_work(const WorkContext& context, int64_t tokens);
// Forward: the log-prob of each token of `rows` rows in one pack.
Work score_work(const WorkContext& context, int64_t rows, int64_t row_tokens);
// Reads one prompt and chooses the token after it.
Work prefill_work(const WorkContext& context, int64_t prompt_tokens);
// Greedy steps of so many sequences that have read their prompts of kDecodePrompt tokens, until
// each has so many tokens more.
inline constexpr int64_t kDecodePrompt = 16;
Work decode_work(const WorkContext& context, int64_t sequences, int64_t tokens);
// A step of GRPO: samples of 8 to a prompt of kGrpoPrompt tokens, their scores, the reference's
// log-probs, the policy's forward and backward with the KL in the loss, clipping, AdamW, and the
// new weights to the generator.
inline constexpr int64_t kGrpoPrompt = 32;
Work grpo_work(const WorkContext& context, int64_t responses, int64_t response_tokens);

// Token ids that are spread over the vocabulary, equal for equal arguments.
std::vector<int32_t> token_row(int64_t length, int64_t row, int64_t vocab_size);

}  // namespace troupe
