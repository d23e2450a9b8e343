// Every published pattern against the sentence that defines it, pair by pair.
#include "base/flash_mask_patterns.h"

#include <gtest/gtest.h>

#include <functional>
#include <numeric>

#include "base/error.h"

namespace troupe {
namespace {

using Sees = std::function<bool(int64_t row, int64_t key)>;

void expect_pattern(const FlashMask& mask, int64_t num_tokens, const Sees& sees) {
  check_flash_mask(mask, num_tokens);
  const FlashMask four = with_four_columns(mask);
  check_flash_mask(four, num_tokens);
  for (int64_t key = 0; key < num_tokens; ++key) {
    const auto hidden = hidden_rows(mask, key, static_cast<int32_t>(key));
    const auto wide = hidden_rows(four, key, static_cast<int32_t>(key));
    for (int64_t row = 0; row < num_tokens; ++row) {
      EXPECT_EQ(!hidden.contains(row), sees(row, key)) << row << " " << key;
      EXPECT_EQ(wide.contains(row), hidden.contains(row)) << row << " " << key;
    }
  }
}

// Which of the ranges that lie end to end holds a token.
size_t part_of(const std::vector<int64_t>& lengths, int64_t token) {
  size_t part = 0;
  for (int64_t end = lengths[0]; token >= end; end += lengths[++part]) {
  }
  return part;
}

constexpr int64_t kTokenCount = 23;
const std::vector<int64_t> kLengths = {5, 1, 9, 8};

TEST(FlashMaskPatternsTest, FullAndCausal) {
  expect_pattern(full_mask(kTokenCount), kTokenCount, [](auto, auto) { return true; });
  const Sees causal = [](auto row, auto key) { return key <= row; };
  expect_pattern(causal_mask(kTokenCount), kTokenCount, causal);
  expect_pattern(full_mask(0), 0, causal);
}

TEST(FlashMaskPatternsTest, WindowsSlideAndGlobalTokensSeeAll) {
  for (const int64_t window : {1, 4, 40}) {
    expect_pattern(sliding_window_mask(kTokenCount, window), kTokenCount,
                   [&](auto row, auto key) { return key <= row && key > row - window; });
    expect_pattern(
        global_sliding_window_mask(kTokenCount, 3, window), kTokenCount,
        [&](auto row, auto key) { return row < 3 || key < 3 || std::abs(row - key) < window; });
  }
  EXPECT_THROW(sliding_window_mask(kTokenCount, 0), Error);
}

TEST(FlashMaskPatternsTest, DocumentsSeeThemselves) {
  const Sees same = [](auto row, auto key) {
    return part_of(kLengths, row) == part_of(kLengths, key);
  };
  expect_pattern(document_mask(kLengths), kTokenCount, same);
  expect_pattern(causal_document_mask(kLengths), kTokenCount,
                 [&](auto row, auto key) { return key <= row && same(row, key); });
  const auto last = kLengths.size() - 1;
  expect_pattern(causal_blockwise_mask(kLengths), kTokenCount, [&](auto row, auto key) {
    return key <= row && (same(row, key) || part_of(kLengths, row) == last);
  });
}

TEST(FlashMaskPatternsTest, AnswersSeeTheirQuestionAndThemselves) {
  const SharedQuestion documents[] = {{5, {1, 9}}, {3, {5}}};
  const std::vector<int64_t> parts = {5, 1, 9, 3, 5};
  const std::vector<size_t> question = {0, 0, 0, 3, 3};
  expect_pattern(share_question_mask(documents), kTokenCount, [&](auto row, auto key) {
    const size_t of_row = part_of(parts, row), of_key = part_of(parts, key);
    return key <= row && (of_key == of_row || of_key == question[of_row]);
  });
}

TEST(FlashMaskPatternsTest, PrefixesAreSeenByAllRowsOfTheirDocument) {
  expect_pattern(prefix_lm_causal_mask(kTokenCount, 7), kTokenCount,
                 [](auto row, auto key) { return key < 7 || key <= row; });
  const PrefixDocument documents[] = {{2, 5}, {1, 1}, {0, 9}, {8, 8}};
  const std::vector<int64_t> starts = {0, 5, 6, 15};
  expect_pattern(prefix_lm_document_mask(documents), kTokenCount, [&](auto row, auto key) {
    const size_t part = part_of(kLengths, key);
    const bool in_prefix = key < starts[part] + documents[part].prefix_length;
    return part == part_of(kLengths, row) && (in_prefix || key <= row);
  });
}

TEST(FlashMaskPatternsTest, SparseRangesDoNotSeeThemselves) {
  const HiddenRange ranges[] = {{4, 9}, {12, 12}, {20, 23}};
  expect_pattern(qk_sparse_mask(kTokenCount, ranges), kTokenCount, [&](auto row, auto key) {
    for (const auto& [begin, end] : ranges)
      if (key >= begin && key < end && row < end) return false;
    return key <= row;
  });
}

TEST(FlashMaskPatternsTest, EvictionKeepsAFixedNumberOfKeysAndNeverBringsOneBack) {
  const auto mask = random_eviction_mask(200, 17, 3);
  EXPECT_EQ(mask.startend_row_indices, random_eviction_mask(200, 17, 3).startend_row_indices);
  EXPECT_NE(mask.startend_row_indices, random_eviction_mask(200, 17, 4).startend_row_indices);
  for (int64_t row = 0; row < 200; ++row) {
    int64_t seen = 0;
    for (int64_t key = 0; key < 200; ++key) {
      const bool sees = !hidden_rows(mask, key, static_cast<int32_t>(key)).contains(row);
      EXPECT_FALSE(sees && key > row);
      seen += sees;
    }
    EXPECT_EQ(seen, std::min<int64_t>(row + 1, 17));
    EXPECT_FALSE(hidden_rows(mask, row, static_cast<int32_t>(row)).contains(row));
  }
}

TEST(FlashMaskTest, RefusesColumnsThatWereNotPublished) {
  EXPECT_THROW(check_flash_mask({1, false, {3}}, 1), Error);
  EXPECT_THROW(check_flash_mask({4, true, {1, 1, 0, 0}}, 1), Error);
  EXPECT_THROW(check_flash_mask({3, false, {1, 1, 0}}, 1), Error);
  EXPECT_THROW(check_flash_mask({2, false, {1, 1, 0}}, 1), Error);
  FlashMask mask = causal_mask(3);
  EXPECT_THROW(mask.append(full_mask(3)), Error);
}

}  // namespace
}  // namespace troupe
