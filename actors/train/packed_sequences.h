// Sequences laid out as the micro-batches of one global batch, and where each of them went.
#pragma once

#include <cstdint>
#include <map>
#include <span>
#include <string>
#include <vector>

#include "actors/train/messages.h"

namespace troupe {

// A token sequence with a target (or -1) and column values for each of its tokens.
struct TrainingSequence {
  std::vector<int32_t> token_ids;
  std::vector<int32_t> targets;                       // [tokens], or empty: all -1
  std::map<std::string, std::vector<float>> columns;  // [tokens] each
};

// A prompt and its response, without the last token, which predicts nothing: row prompt_size - 1
// stands for the first response token, and so on. The "weight" column is 1 in those rows.
TrainingSequence response_sequence(std::span<const int32_t> prompt_ids,
                                   std::span<const int32_t> response_ids);

enum class PackOrder {
  best_fit,  // fullest packs
  in_order,  // neighbours stay neighbours, as pairs must
};

class PackedSequences {
 public:
  // `unit` sequences stay together in a pack (2: preference pairs). Groups are dealt before any
  // parallel layout is known. Throws if a unit is longer than max_tokens.
  PackedSequences(std::vector<TrainingSequence> sequences, PackOrder order, int64_t max_tokens,
                  int32_t data_slices, size_t unit = 1);

  const std::vector<MicroBatch>& micro_batches() const { return micro_batches_; }
  std::vector<MicroBatch> take() { return std::move(micro_batches_); }
  size_t num_sequences() const { return places_.size(); }

  // The rows of one sequence in a column that has been computed for every micro-batch.
  std::span<const float> rows(const std::vector<MicroBatchOutput>& outputs,
                              const std::string& column, size_t sequence) const;
  // Sets a column's rows for one sequence; rows that nobody sets are 0.
  void set_rows(const std::string& column, size_t sequence, size_t first_row,
                std::span<const float> values);

 private:
  struct Place {
    size_t micro_batch = 0, row = 0, num_rows = 0;
  };
  void append(const TrainingSequence& sequence, MicroBatch& batch);

  std::vector<MicroBatch> micro_batches_;
  std::vector<Place> places_;  // by sequence
};

}  // namespace troupe
