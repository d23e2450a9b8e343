#include "kernels/attention/block_lists.h"

#include <algorithm>

#include "base/error.h"
#include "kernels/attention/bit_block.h"

namespace troupe {
namespace {

AttentionSequence sequence_at(const Pack& pack, int64_t i, bool has_cache) {
  const int64_t begin = pack.sequence_starts[i], num_tokens = pack.sequence_starts[i + 1] - begin;
  CHECK(num_tokens > 0, i, num_tokens);
  if (!has_cache && !pack.mask.empty()) return {begin, num_tokens, 0};
  const int64_t first = pack.positions[begin], last = pack.positions[begin + num_tokens - 1];
  CHECK(last - first == num_tokens - 1, i, first, last, num_tokens);
  CHECK(has_cache ? first >= 0 : first == 0, i, first);
  return {begin, num_tokens, first};
}

}  // namespace

// The least and the greatest of a block's hidden ranges: most pairs of blocks are told from these.
struct BlockLists::Extremes {
  HiddenRows least, most;

  Extremes(const HiddenRows* keys, int64_t count) : least(keys[0]), most(keys[0]) {
    for (int64_t i = 1; i < count; ++i)
      for (auto field : {&HiddenRows::lower_start, &HiddenRows::lower_end, &HiddenRows::upper_start,
                         &HiddenRows::upper_end}) {
        least.*field = std::min(least.*field, keys[i].*field);
        most.*field = std::max(most.*field, keys[i].*field);
      }
  }
  bool all_hidden(int64_t begin, int64_t end) const {
    return (most.lower_start <= begin && end <= least.lower_end) ||
           (most.upper_start <= begin && end <= least.upper_end);
  }
  bool all_seen(int64_t begin, int64_t end) const {
    return (end <= least.lower_start || most.lower_end <= begin) &&
           (end <= least.upper_start || most.upper_end <= begin);
  }
};

namespace {

void add(std::vector<BlockRun>& runs, int64_t block, bool is_partial) {
  const auto begin = static_cast<int32_t>(block);
  if (!runs.empty() && runs.back().end == begin && runs.back().is_partial == is_partial)
    ++runs.back().end;
  else
    runs.push_back({begin, begin + 1, is_partial});
}

}  // namespace

void BlockLists::Runs::append(const std::vector<BlockRun>& list) {
  runs.insert(runs.end(), list.begin(), list.end());
  close();
}

std::span<const BlockRun> BlockLists::Runs::list(int64_t index) const {
  return std::span(runs).subspan(starts[index], starts[index + 1] - starts[index]);
}

BlockLists::BlockLists(const Pack& pack, bool has_cache) {
  int64_t key = 0;
  for (int64_t i = 0; i < pack.num_sequences(); ++i) {
    const auto& s = sequences_.emplace_back(sequence_at(pack, i, has_cache));
    const auto next_list = [](const Runs& runs) {
      return static_cast<int64_t>(runs.starts.size()) - 1;
    };
    firsts_.push_back({next_list(keys_), next_list(queries_), key});
    if (pack.mask.empty()) {
      list_causal(s, has_cache);
      continue;
    }
    CHECK(key + s.end_position() <= pack.mask.num_keys(), i, key, s.end_position(),
          pack.mask.num_keys());
    for (int32_t j = 0; j < s.end_position(); ++j)
      hidden_.push_back(hidden_rows(pack.mask, key++, j));
    list_masked(i, has_cache);
  }
  CHECK(pack.mask.num_keys() == key, pack.mask.num_keys(), key);
}

void BlockLists::list_causal(const AttentionSequence& sequence, bool has_cache) {
  const int64_t first = sequence.first_position / kKeyBlock;
  const auto end = static_cast<int32_t>(num_key_blocks(sequence.end_position()));
  for (auto block = static_cast<int32_t>(first); block < end; ++block) {
    if (block > 0) keys_.runs.push_back({0, block, false});
    keys_.runs.push_back({block, block + 1, true});
    keys_.close();
    if (has_cache) continue;
    queries_.runs.push_back({block, block + 1, true});
    if (block + 1 < end) queries_.runs.push_back({block + 1, end, false});
    queries_.close();
  }
}

void BlockLists::list_masked(int64_t sequence, bool has_cache) {
  const auto& s = sequences_[sequence];
  const int64_t num_blocks = num_key_blocks(s.end_position());
  const HiddenRows* keys = hidden_.data() + firsts_[sequence].key;
  std::vector<Extremes> extremes;
  for (int64_t first = 0; first < s.end_position(); first += kKeyBlock)
    extremes.emplace_back(keys + first, std::min<int64_t>(kKeyBlock, s.end_position() - first));
  std::vector<std::vector<BlockRun>> by_key(num_blocks);
  for (int64_t query = s.first_position / kKeyBlock; query < num_blocks; ++query) {
    std::vector<BlockRun> list;
    for (int64_t key = 0; key < num_blocks; ++key) {
      const auto sight = sight_of(sequence, query, key, extremes[key]);
      if (sight == Sight::none) continue;
      add(list, key, sight == Sight::partial);
      add(by_key[key], query, sight == Sight::partial);
    }
    keys_.append(list);
  }
  for (int64_t key = 0; !has_cache && key < num_blocks; ++key) queries_.append(by_key[key]);
}

// From the extremes where they tell, else from the bits.
BlockLists::Sight BlockLists::sight_of(int64_t sequence, int64_t query, int64_t key,
                                       const Extremes& keys) const {
  const auto& s = sequences_[sequence];
  const int64_t begin = std::max(s.first_position, query * kKeyBlock);
  const int64_t end = std::min(s.end_position(), (query + 1) * kKeyBlock);
  const int64_t num_keys = std::min<int64_t>(kKeyBlock, s.end_position() - key * kKeyBlock);
  if (keys.all_hidden(begin, end)) return Sight::none;
  if (keys.all_seen(begin, end)) return num_keys == kKeyBlock ? Sight::full : Sight::partial;
  uint64_t seen[kKeyBlock];
  const auto num_rows = static_cast<int>(end - begin);
  seen_of_keys(sequence, begin, num_rows, key, seen);
  uint64_t any = 0, all = first_bits(num_rows);
  for (const uint64_t rows : seen) any |= rows, all &= rows;
  if (!any) return Sight::none;
  return all == first_bits(num_rows) ? Sight::full : Sight::partial;
}

std::span<const BlockRun> BlockLists::keys_of(int64_t sequence, int64_t query_block) const {
  const int64_t first = sequences_[sequence].first_position / kKeyBlock;
  return keys_.list(firsts_[sequence].query_list + query_block - first);
}

std::span<const BlockRun> BlockLists::queries_of(int64_t sequence, int64_t key_block) const {
  return queries_.list(firsts_[sequence].key_list + key_block);
}

void BlockLists::seen_by_rows(int64_t sequence, int64_t first_row, int num_rows, int64_t key_block,
                              uint64_t* masks) const {
  if (hidden_.empty()) {
    const int64_t first_key = key_block * kKeyBlock;
    for (int i = 0; i < num_rows; ++i) masks[i] = first_bits(first_row + i + 1 - first_key);
    return;
  }
  uint64_t bits[kKeyBlock];
  seen_of_keys(sequence, first_row, num_rows, key_block, bits);
  transpose_bits(bits);
  std::copy_n(bits, num_rows, masks);
}

void BlockLists::seen_of_keys(int64_t sequence, int64_t first_row, int num_rows, int64_t key_block,
                              uint64_t* masks) const {
  const int64_t first_key = key_block * kKeyBlock;
  const auto num_keys =
      std::min<int64_t>(kKeyBlock, sequences_[sequence].end_position() - first_key);
  const uint64_t rows = first_bits(num_rows);
  const HiddenRows* hidden =
      hidden_.empty() ? nullptr : hidden_.data() + firsts_[sequence].key + first_key;
  for (int64_t j = 0; j < num_keys; ++j) {
    if (!hidden) {
      masks[j] = rows & ~first_bits(first_key + j - first_row);
      continue;
    }
    const auto& [lower_start, lower_end, upper_start, upper_end] = hidden[j];
    masks[j] = rows & ~bit_range(lower_start - first_row, lower_end - first_row) &
               ~bit_range(upper_start - first_row, upper_end - first_row);
  }
  std::fill(masks + num_keys, masks + kKeyBlock, 0);
}

}  // namespace troupe
