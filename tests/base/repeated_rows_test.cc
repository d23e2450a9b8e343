#include "base/repeated_rows.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <rapidcheck.h>

#include <algorithm>

#include "base/flash_mask_patterns.h"

namespace troupe {
namespace {

std::vector<int32_t> ids(int32_t first, int32_t count) {
  std::vector<int32_t> tokens(count);
  for (int32_t i = 0; i < count; ++i) tokens[i] = first + i;
  return tokens;
}

std::vector<int32_t> joined(std::vector<int32_t> a, const std::vector<int32_t>& b) {
  a.insert(a.end(), b.begin(), b.end());
  return a;
}

Pack pack_of(const std::vector<std::vector<int32_t>>& sequences) {
  Pack pack;
  for (const auto& sequence : sequences) pack.append(sequence);
  return pack;
}

// Which sequence a row is of, and which of its rows.
std::vector<int32_t> past_of(const Pack& pack, int64_t row) {
  const auto& starts = pack.sequence_starts;
  const auto start = *std::prev(std::ranges::upper_bound(starts, row));
  return {pack.token_ids.begin() + start, pack.token_ids.begin() + row + 1};
}

TEST(RepeatedRowsTest, SamplesOfOnePromptComputeItOnce) {
  const auto prompt = ids(100, 20);
  const auto rows = find_repeated_rows(pack_of(
      {joined(prompt, ids(500, 5)), joined(prompt, ids(300, 7)), joined(prompt, ids(400, 6))}));
  int64_t num_distinct = 0;
  for (const auto& range : rows.distinct) num_distinct += range.size();
  EXPECT_EQ(num_distinct, 20 + 5 + 7 + 6);
  EXPECT_EQ(rows.copies.size(), 2);
  EXPECT_EQ(rows.num_rows(), 3 * 20 + 5 + 7 + 6);
}

// With few words to choose from, sequences share beginnings of all lengths with several others.
TEST(RepeatedRowsTest, EveryRowIsDistinctOrACopyOfADistinctRowWithTheSamePast) {
  rc::check([] {
    const auto stems = *rc::gen::inRange(1, 4);
    std::vector<std::vector<int32_t>> sequences;
    const auto count = *rc::gen::inRange(1, 12);
    for (int i = 0; i < count; ++i) {
      auto sequence = ids(1000 * *rc::gen::inRange(0, stems), *rc::gen::inRange(1, 60));
      if (*rc::gen::arbitrary<bool>()) sequence.back() = *rc::gen::inRange(0, 3);
      sequences.push_back(joined(sequence, ids(7, *rc::gen::inRange(0, 30))));
    }
    const Pack pack = pack_of(sequences);
    const auto rows = find_repeated_rows(pack);
    std::vector<int> visits(pack.token_ids.size()), distinct(pack.token_ids.size());
    for (const auto& range : rows.distinct)
      for (int64_t row = range.begin; row < range.end; ++row) ++visits[row], distinct[row] = 1;
    for (const auto& copy : rows.copies)
      for (int64_t i = 0; i < copy.count; ++i) {
        ++visits[copy.begin + i];
        RC_ASSERT(distinct[copy.source + i] == 1);
        RC_ASSERT(past_of(pack, copy.begin + i) == past_of(pack, copy.source + i));
      }
    RC_ASSERT(std::ranges::all_of(visits, [](int visits) { return visits == 1; }));
  });
}

TEST(RepeatedRowsTest, ShortBeginningsAreNotWorthAPiece) {
  const auto stem = ids(1, kFewestRepeatedRows);
  const auto shorter = ids(1, kFewestRepeatedRows - 1);
  EXPECT_FALSE(find_repeated_rows(pack_of({joined(stem, {7}), joined(stem, {8})})).empty());
  EXPECT_TRUE(find_repeated_rows(pack_of({joined(shorter, {7}), joined(shorter, {8})})).empty());
}

TEST(RepeatedRowsTest, UnderAMaskNothingIsTakenToRepeat) {
  Pack pack;
  for (int i = 0; i < 2; ++i) pack.append(ids(1, 40), causal_mask(40));
  EXPECT_TRUE(find_repeated_rows(pack).empty());
}

TEST(RepeatedRowsTest, RowsAtOtherPositionsAreOthers) {
  Pack pack = pack_of({ids(1, 40), ids(1, 40)});
  for (int i = 40; i < 80; ++i) ++pack.positions[i];
  EXPECT_TRUE(find_repeated_rows(pack).empty());
}

}  // namespace
}  // namespace troupe
