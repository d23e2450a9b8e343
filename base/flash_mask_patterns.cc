#include "base/flash_mask_patterns.h"

#include <algorithm>
#include <array>
#include <numeric>
#include <utility>

#include "base/error.h"
#include "base/philox.h"

namespace troupe {
namespace {

constexpr int32_t kNever = std::numeric_limits<int32_t>::max();

// Appends `count` keys whose vectors vectors_of(key) gives.
template <class VectorsOf>
void add_keys(FlashMask& mask, int64_t count, const VectorsOf& vectors_of) {
  const int64_t first = mask.num_keys();
  for (int64_t key = first; key < first + count; ++key)
    for (const int64_t x : vectors_of(key))
      mask.startend_row_indices.push_back(static_cast<int32_t>(std::min<int64_t>(x, kNever)));
}

using One = std::array<int64_t, 1>;
using Two = std::array<int64_t, 2>;
using Four = std::array<int64_t, 4>;

FlashMask causal_vectors(int num_columns) {
  return {num_columns, true, {}};
}
FlashMask bidirectional_vectors(int num_columns) {
  return {num_columns, false, {}};
}

}  // namespace

FlashMask full_mask(int64_t num_tokens) {
  auto mask = bidirectional_vectors(2);
  add_keys(mask, num_tokens, [&](int64_t) { return Two{num_tokens, 0}; });
  return mask;
}

FlashMask causal_mask(int64_t num_tokens) {
  auto mask = causal_vectors(1);
  add_keys(mask, num_tokens, [&](int64_t) { return One{num_tokens}; });
  return mask;
}

FlashMask sliding_window_mask(int64_t num_tokens, int64_t window) {
  CHECK(window > 0, window);
  auto mask = causal_vectors(1);
  add_keys(mask, num_tokens, [&](int64_t key) { return One{std::min(key + window, num_tokens)}; });
  return mask;
}

FlashMask causal_document_mask(std::span<const int64_t> lengths) {
  auto mask = causal_vectors(1);
  for (const int64_t length : lengths) {
    const int64_t end = mask.num_keys() + length;
    add_keys(mask, length, [&](int64_t) { return One{end}; });
  }
  return mask;
}

FlashMask document_mask(std::span<const int64_t> lengths) {
  auto mask = bidirectional_vectors(2);
  for (const int64_t length : lengths) {
    const int64_t begin = mask.num_keys();
    add_keys(mask, length, [&](int64_t) { return Two{begin + length, begin}; });
  }
  return mask;
}

FlashMask share_question_mask(std::span<const SharedQuestion> documents) {
  auto mask = causal_vectors(1);
  for (const auto& document : documents) {
    const auto& answers = document.answer_lengths;
    const int64_t end =
        std::accumulate(answers.begin(), answers.end(), mask.num_keys() + document.question_length);
    add_keys(mask, document.question_length, [&](int64_t) { return One{end}; });
    for (const int64_t length : answers) {
      const int64_t answer_end = mask.num_keys() + length;
      add_keys(mask, length, [&](int64_t) { return One{answer_end}; });
    }
  }
  return mask;
}

FlashMask global_sliding_window_mask(int64_t num_tokens, int64_t num_global, int64_t window) {
  CHECK(window > 0 && num_global >= 0, window, num_global);
  auto mask = bidirectional_vectors(4);
  add_keys(mask, num_tokens, [&](int64_t key) {
    if (key < num_global) return Four{num_tokens, num_tokens, 0, 0};
    const int64_t lower = std::min(key + window, num_tokens), upper = key - window + 1;
    return Four{lower, num_tokens, num_global, std::max(num_global, upper)};
  });
  return mask;
}

FlashMask causal_blockwise_mask(std::span<const int64_t> lengths) {
  auto mask = causal_vectors(2);
  const int64_t total = std::accumulate(lengths.begin(), lengths.end(), int64_t{0});
  const int64_t last = lengths.empty() ? total : total - lengths.back();
  for (const int64_t length : lengths) {
    const int64_t end = mask.num_keys() + length;
    add_keys(mask, length, [&](int64_t) { return Two{end, std::max(end, last)}; });
  }
  return mask;
}

FlashMask prefix_lm_causal_mask(int64_t num_tokens, int64_t prefix_length) {
  const PrefixDocument document = {prefix_length, num_tokens};
  return prefix_lm_document_mask({&document, 1});
}

FlashMask prefix_lm_document_mask(std::span<const PrefixDocument> documents) {
  auto mask = bidirectional_vectors(2);
  for (const auto& document : documents) {
    const int64_t begin = mask.num_keys(), end = begin + document.length;
    add_keys(mask, document.length, [&](int64_t key) {
      return Two{end, key < begin + document.prefix_length ? begin : key};
    });
  }
  return mask;
}

FlashMask qk_sparse_mask(int64_t num_tokens, std::span<const HiddenRange> ranges) {
  auto mask = causal_vectors(2);
  add_keys(mask, num_tokens, [&](int64_t) { return Two{num_tokens, num_tokens}; });
  for (const auto& [begin, end] : ranges) {
    CHECK(0 <= begin && begin <= end && end <= num_tokens, begin, end, num_tokens);
    for (int64_t key = begin; key < end; ++key) {
      mask.startend_row_indices[2 * key] = static_cast<int32_t>(key);
      mask.startend_row_indices[2 * key + 1] = static_cast<int32_t>(end);
    }
  }
  return mask;
}

FlashMask random_eviction_mask(int64_t num_tokens, int64_t capacity, uint64_t seed) {
  CHECK(capacity > 0, capacity);
  auto mask = causal_mask(num_tokens);
  std::vector<int64_t> kept;
  for (int64_t row = 0; row < num_tokens; ++row) {
    if (row >= capacity) {
      const RandomAddress address = {seed, Purpose::kEviction, 0, 0, static_cast<uint32_t>(row)};
      int64_t& evicted = kept[uniform_below(address, kept.size())];
      mask.startend_row_indices[std::exchange(evicted, kept.back())] = static_cast<int32_t>(row);
      kept.pop_back();
    }
    kept.push_back(row);
  }
  return mask;
}

}  // namespace troupe
