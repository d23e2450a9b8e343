// Every published pattern, and masks of random vectors, for a sequence of a given length.
#pragma once

#include <algorithm>
#include <random>
#include <string>
#include <utility>
#include <vector>

#include "base/flash_mask_patterns.h"

namespace troupe::attention_case {

// Three documents of uneven lengths.
inline std::vector<int64_t> documents_of(int64_t n) {
  return {n / 3, n / 5, n - n / 3 - n / 5};
}

inline std::vector<std::pair<std::string, FlashMask>> published_masks(int64_t n) {
  const auto lengths = documents_of(n);
  const SharedQuestion shared[] = {{lengths[0], {lengths[1], lengths[2]}}};
  const PrefixDocument prefixes[] = {
      {lengths[0] / 2, lengths[0]}, {lengths[1], lengths[1]}, {0, lengths[2]}};
  const HiddenRange hidden[] = {{n / 4, n / 2}, {n - n / 8, n}};
  return {{"full", full_mask(n)},
          {"causal", causal_mask(n)},
          {"sliding window", sliding_window_mask(n, 70)},
          {"causal document", causal_document_mask(lengths)},
          {"document", document_mask(lengths)},
          {"share question", share_question_mask(shared)},
          {"global and sliding window", global_sliding_window_mask(n, 5, 33)},
          {"causal blockwise", causal_blockwise_mask(lengths)},
          {"prefix causal", prefix_lm_causal_mask(n, n / 3)},
          {"prefix document", prefix_lm_document_mask(prefixes)},
          {"qk sparse", qk_sparse_mask(n, hidden)},
          {"random eviction", random_eviction_mask(n, n / 4 + 1, 1)}};
}

// Vectors without a pattern; most keys hide from a range near them, and some from all rows.
inline FlashMask random_mask(int64_t n, int num_columns, bool is_causal, uint32_t seed) {
  std::mt19937 engine(seed);
  const auto below = [&](int64_t bound) { return static_cast<int32_t>(engine() % (bound + 1)); };
  FlashMask mask = {num_columns, is_causal, {}};
  for (int64_t key = 0; key < n; ++key) {
    const auto lower = static_cast<int32_t>(std::min<int64_t>(n, key + below(n / 2)));
    const auto upper = static_cast<int32_t>(std::max<int64_t>(0, key - below(n / 2)));
    std::vector<int32_t> row;
    if (num_columns == 1) row = {lower};
    if (num_columns == 2) row = {lower, is_causal ? lower + below(n / 3) : upper};
    if (num_columns == 4) row = {lower, lower + below(n / 3), upper - below(n / 3), upper};
    if (below(20) == 0) row[0] = 0;
    mask.startend_row_indices.insert(mask.startend_row_indices.end(), row.begin(), row.end());
  }
  return mask;
}

inline std::vector<std::pair<std::string, FlashMask>> random_masks(int64_t n, uint32_t seed) {
  return {{"1", random_mask(n, 1, true, seed)},
          {"2 causal", random_mask(n, 2, true, seed)},
          {"2", random_mask(n, 2, false, seed)},
          {"4", random_mask(n, 4, false, seed)}};
}

inline std::vector<std::pair<std::string, FlashMask>> all_masks(int64_t n) {
  auto masks = published_masks(n);
  for (auto& [name, mask] : random_masks(n, static_cast<uint32_t>(n)))
    masks.emplace_back("random " + name, std::move(mask));
  return masks;
}

}  // namespace troupe::attention_case
