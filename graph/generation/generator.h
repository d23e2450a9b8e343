// Continuous batching over a paged key-value cache: sequences join and leave between steps, and
// each step runs the model's own graph once over all new tokens. What a sequence gets depends on
// nothing but itself: every kernel gives a row the same bits in any company.
#pragma once

#include <deque>
#include <memory>
#include <vector>

#include "graph/generation/sequence.h"
#include "graph/models/llama.h"
#include "graph/program.h"
#include "kernels/attention/key_value_cache.h"

namespace troupe {

class ThreadPool;

// Logits are made for so many sequences at a time.
inline constexpr int64_t kMostLogitRows = 64;

struct GenerationResult {
  int64_t tag = 0;
  std::vector<int32_t> response_ids;
  std::vector<float> log_probs;  // of the temperature-scaled, otherwise unfiltered distribution
  bool truncated = false;
};

struct GeneratorOptions {
  DType dtype = DType::f32;
  WeightFormat weights = WeightFormat::dense;  // else log-probs are not the trainer's
  int tensor_slices = 0;                       // as in ModelOptions
  int64_t max_running_sequences = 64;
  int64_t max_tokens_per_step = 512;  // of prompts: longer ones are read in chunks
  KeyValueFormat cache_format = KeyValueFormat::exact;  // else log-probs are not the trainer's
  int32_t num_cache_blocks = 0;     // of 64 positions; 0: enough for max_running_sequences
  int64_t max_sequence_length = 0;  // 0: max_position_embeddings
  bool share_prefixes = true;       // what sequences begin with alike is read and stored once
};

// The model's body, and its head.
std::vector<Graph> generator_graphs(const LlamaConfig& config, const GeneratorOptions& options);

class Generator {
 public:
  Generator(const LlamaConfig& config, const GeneratorOptions& options, ThreadPool& pool);
  ~Generator();

  Parameters& parameters() { return *parameters_; }
  // Throws when a prompt is empty, holds an id outside the vocabulary, or doesn't fit with
  // max_new_tokens into the context.
  void submit(GenerationRequest request);
  // Reads at most one chunk of each new sequence and adds one token to each running one. Returns
  // the sequences that ended.
  std::vector<GenerationResult> step();
  // Tokens sampled by the last step, in the order of the running sequences: for streaming.
  struct NewToken {
    int64_t tag = 0;
    int32_t token_id = 0;
  };
  const std::vector<NewToken>& new_tokens() const { return new_tokens_; }

  // The weights have changed: running sequences keep their tokens and read them again.
  void drop_caches();
  double cache_use() const;  // share of the cache's blocks that are taken, 0..1
  int64_t num_waiting() const { return static_cast<int64_t>(waiting_.size()); }
  int64_t num_running() const { return static_cast<int64_t>(running_.size()); }
  bool is_idle() const { return waiting_.empty() && running_.empty(); }

 private:
  void admit();
  Pack schedule(CacheView& view);
  void run_step(const Pack& pack, const CacheView& view);
  void sample_rows(const std::vector<Sequence*>& sequences, const float* logits);
  void take_token(Sequence& sequence, const float* logits);
  std::vector<GenerationResult> remove_ended();
  int64_t blocks_needed(const GenerationRequest& request) const;
  int64_t num_unreserved_blocks() const;
  void release(Sequence& sequence);

  LlamaConfig config_;
  GeneratorOptions options_;
  ThreadPool& pool_;
  std::unique_ptr<Program> body_, head_;
  std::unique_ptr<Parameters> parameters_;
  std::unique_ptr<KeyValueCache> cache_;
  std::deque<GenerationRequest> waiting_;
  std::vector<std::unique_ptr<Sequence>> running_;
  std::vector<NewToken> new_tokens_;
};

}  // namespace troupe
