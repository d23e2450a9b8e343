// The masks of FlashMask's paper (arXiv 2410.01359, figure 1), each for one sequence. Lengths count
// tokens; documents lie end to end and fill the sequence.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "base/flash_mask.h"

namespace troupe {

FlashMask full_mask(int64_t num_tokens);    // every row sees every key
FlashMask causal_mask(int64_t num_tokens);  // rows see keys up to themselves
// Causal, of the last `window` keys: row i sees keys (i - window, i].
FlashMask sliding_window_mask(int64_t num_tokens, int64_t window);
// Causal inside each document.
FlashMask causal_document_mask(std::span<const int64_t> lengths);
// Every row sees the whole of its own document.
FlashMask document_mask(std::span<const int64_t> lengths);

// Documents whose answers see their question and themselves, not each other; causal. The question
// is computed once for a preference pair or a group of samples.
struct SharedQuestion {
  int64_t question_length;
  std::vector<int64_t> answer_lengths;
};
FlashMask share_question_mask(std::span<const SharedQuestion> documents);

// The first `num_global` tokens see and are seen by all; others see rows less than `window` away.
FlashMask global_sliding_window_mask(int64_t num_tokens, int64_t num_global, int64_t window);
// Each block is causal in itself, and the last one sees all blocks: demonstrations and a query.
FlashMask causal_blockwise_mask(std::span<const int64_t> lengths);
// All rows see the prefix; the rest is causal.
FlashMask prefix_lm_causal_mask(int64_t num_tokens, int64_t prefix_length);
// Documents with a prefix that all of the document's rows see, and a causal rest.
struct PrefixDocument {
  int64_t prefix_length, length;
};
FlashMask prefix_lm_document_mask(std::span<const PrefixDocument> documents);

// Causal; rows of each [begin, end) see none of the keys of that range, themselves included.
struct HiddenRange {
  int64_t begin, end;
};
FlashMask qk_sparse_mask(int64_t num_tokens, std::span<const HiddenRange> ranges);
// Causal; from row `capacity` on, each row evicts one earlier key, drawn by (seed, row), for good:
// no row sees more than `capacity` keys, its own included.
FlashMask random_eviction_mask(int64_t num_tokens, int64_t capacity, uint64_t seed);

}  // namespace troupe
