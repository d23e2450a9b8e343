// A micro-batch: whole sequences laid end to end. There is no batch dim and no padding.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

namespace troupe {

struct Pack {
  std::vector<int32_t> token_ids;        // [tokens]
  std::vector<int32_t> positions;        // [tokens], counted from the sequence's own start
  std::vector<int32_t> sequence_starts;  // [sequences + 1], ascending from 0 to tokens

  int64_t num_tokens() const { return static_cast<int64_t>(token_ids.size()); }
  int64_t num_sequences() const {
    return sequence_starts.empty() ? 0 : static_cast<int64_t>(sequence_starts.size()) - 1;
  }
  // Appends a sequence that starts at position 0.
  void append(std::span<const int32_t> ids);
};

// Throws unless the three vectors agree and every id lies in [0, vocab_size).
void check_pack(const Pack& pack, int64_t vocab_size);

}  // namespace troupe
