// Lists and bits of masks against the masks themselves, pair by pair.
#include "kernels/attention/block_lists.h"

#include <gtest/gtest.h>

#include "base/error.h"
#include "kernels/attention/bit_block.h"
#include "tests/kernels/attention/attention_case.h"
#include "tests/kernels/attention/mask_cases.h"

namespace troupe {
namespace {

using namespace attention_case;

bool sees(const FlashMask& mask, int64_t first_key, int64_t row, int64_t key) {
  return !hidden_rows(mask, first_key + key, static_cast<int32_t>(key)).contains(row);
}

// 0: no pair of the blocks is seen; 2: all are, of a whole key block; else 1.
int sight_of(const FlashMask& mask, int64_t first_key, const AttentionSequence& s, int64_t query,
             int64_t key) {
  int64_t seen = 0, pairs = 0;
  for (int64_t row = std::max(s.first_position, query * 64);
       row < std::min(s.end_position(), (query + 1) * 64); ++row)
    for (int64_t j = key * 64; j < (key + 1) * 64; ++j, ++pairs)
      seen += j < s.end_position() && sees(mask, first_key, row, j);
  return seen == 0 ? 0 : seen == pairs ? 2 : 1;
}

std::vector<int> unrolled(std::span<const BlockRun> runs, int64_t num_blocks) {
  std::vector<int> kinds(num_blocks);
  for (const auto& run : runs)
    for (int32_t block = run.begin; block < run.end; ++block) kinds[block] = run.is_partial ? 1 : 2;
  return kinds;
}

void expect_lists(const BlockLists& lists, const FlashMask& mask, bool has_cache) {
  int64_t first_key = 0;
  for (size_t i = 0; i < lists.sequences().size(); ++i) {
    const auto& s = lists.sequences()[i];
    const int64_t blocks = num_key_blocks(s.end_position());
    std::vector<std::vector<int>> by_query, by_key(blocks);
    for (int64_t query = s.first_position / 64; query < blocks; ++query) {
      auto& row = by_query.emplace_back();
      for (int64_t key = 0; key < blocks; ++key) {
        row.push_back(sight_of(mask, first_key, s, query, key));
        by_key[key].push_back(row.back());
      }
      EXPECT_EQ(unrolled(lists.keys_of(i, query), blocks), row) << i << " " << query;
    }
    for (int64_t key = 0; !has_cache && key < blocks; ++key)
      EXPECT_EQ(unrolled(lists.queries_of(i, key), blocks), by_key[key]) << i << " " << key;
    first_key += s.end_position();
  }
}

TEST(BlockListsTest, HoldTheBlocksThatAnyRowSeesAndNoOthers) {
  for (const int64_t n : {1, 64, 65, 300})
    for (const auto& [name, mask] : all_masks(n)) {
      SCOPED_TRACE(name + " " + std::to_string(n));
      expect_lists(BlockLists(masked_pack(mask), false), mask, false);
    }
}

TEST(BlockListsTest, ArePlainCausalWithoutVectors) {
  const BlockLists lists(pack_of({1, 130, 64}), false);
  expect_lists(lists, {}, false);
  Pack chunk;
  append_tokens(chunk, 0, 3);
  append_tokens(chunk, 100, 90);
  append_tokens(chunk, 640, 1);
  expect_lists(BlockLists(chunk, true), {}, true);
}

TEST(BlockListsTest, KeepSequencesApart) {
  Pack pack;
  for (const int64_t n : {70, 1, 200}) {
    const auto mask = with_four_columns(random_mask(n, 2, false, static_cast<uint32_t>(n)));
    pack.append(std::vector<int32_t>(n), mask);
  }
  expect_lists(BlockLists(pack, false), pack.mask, false);
}

TEST(BlockListsTest, BitsSayWhichRowSeesWhichKey) {
  const int64_t n = 150;
  for (const auto& [name, mask] : all_masks(n)) {
    const BlockLists lists(masked_pack(mask), false);
    for (const auto& [first_row, num_rows] : {std::pair<int64_t, int>{0, 64}, {70, 3}, {128, 22}})
      for (int64_t block = 0; block < 3; ++block) {
        uint64_t rows[64], keys[64];
        lists.seen_by_rows(0, first_row, num_rows, block, rows);
        lists.seen_of_keys(0, first_row, num_rows, block, keys);
        for (int i = 0; i < num_rows; ++i)
          for (int j = 0; j < 64; ++j) {
            const int64_t key = block * 64 + j;
            const bool expected = key < n && sees(mask, 0, first_row + i, key);
            EXPECT_EQ(rows[i] >> j & 1, expected) << name << " " << first_row + i << " " << key;
            EXPECT_EQ(keys[j] >> i & 1, expected) << name << " " << first_row + i << " " << key;
          }
      }
  }
}

TEST(BlockListsTest, RefuseAMaskOfAnotherLength) {
  Pack pack = pack_of({5});
  pack.mask = causal_mask(4);
  EXPECT_THROW(BlockLists(pack, false), Error);
  pack.mask = causal_mask(6);
  EXPECT_THROW(BlockLists(pack, false), Error);
}

TEST(BitBlockTest, TransposesAndCutsRanges) {
  uint64_t words[64], expected[64] = {};
  std::mt19937_64 engine(1);
  for (uint64_t& word : words) word = engine();
  for (int i = 0; i < 64; ++i)
    for (int j = 0; j < 64; ++j) expected[j] |= (words[i] >> j & 1) << i;
  transpose_bits(words);
  EXPECT_TRUE(std::equal(words, words + 64, expected));
  EXPECT_EQ(bit_range(-5, 3), 7u);
  EXPECT_EQ(bit_range(3, 3), 0u);
  EXPECT_EQ(bit_range(4, 2), 0u);
  EXPECT_EQ(bit_range(-9, 900), ~uint64_t{0});
}

}  // namespace
}  // namespace troupe
