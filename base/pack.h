// A micro-batch: whole sequences laid end to end. There is no batch dim and no padding.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "base/flash_mask.h"

namespace troupe {

struct Pack {
  std::vector<int32_t> token_ids;        // [tokens]
  std::vector<int32_t> positions;        // [tokens], counted from the sequence's own start
  std::vector<int32_t> sequence_starts;  // [sequences + 1], ascending from 0 to tokens
  // What rows see of their own sequence; empty: the keys up to themselves. With a cache, a row for
  // each position of a sequence from 0 to the end of its tokens here.
  FlashMask mask;

  int64_t num_tokens() const { return static_cast<int64_t>(token_ids.size()); }
  int64_t num_sequences() const {
    return sequence_starts.empty() ? 0 : static_cast<int64_t>(sequence_starts.size()) - 1;
  }
  // Appends a sequence that starts at position 0.
  void append(std::span<const int32_t> ids);
  // The same with a mask, which all sequences of the pack have, with as many columns.
  void append(std::span<const int32_t> ids, const FlashMask& sequence_mask);
};

// Throws unless the three vectors agree and every id lies in [0, vocab_size).
void check_pack(const Pack& pack, int64_t vocab_size);

}  // namespace troupe
