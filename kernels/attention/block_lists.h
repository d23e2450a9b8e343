// Which key blocks of 64 the rows of each query block of 64 see: fully, partly, or, where a block
// is not listed, not at all. Made once per pack and shared by its layers, forward and backward.
//
// Blocks are counted from a sequence's own start. Lists say which blocks are visited and where bits
// must be looked at; they change the order of no sum.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "base/flash_mask.h"
#include "base/pack.h"
#include "kernels/attention/key_value_cache.h"

namespace troupe {

// Tokens [begin, begin + num_tokens) of the pack are rows first_position, ... of their sequence.
struct AttentionSequence {
  int64_t begin, num_tokens, first_position;

  int64_t end_position() const { return first_position + num_tokens; }
};

inline int64_t num_key_blocks(int64_t num_positions) {
  return (num_positions + kKeyBlock - 1) / kKeyBlock;
}

// Neighbouring blocks [begin, end) that are all seen fully, or all partly.
struct BlockRun {
  int32_t begin, end;
  bool is_partial;
};

class BlockLists {
 public:
  // With a cache, sequences may begin at a position > 0. Throws unless positions count up by one
  // within each sequence; those of a masked pack of whole sequences may be any (RoPE's alone).
  BlockLists(const Pack& pack, bool has_cache);

  const std::vector<AttentionSequence>& sequences() const { return sequences_; }
  // Key blocks that rows of a query block of the pack see, ascending.
  std::span<const BlockRun> keys_of(int64_t sequence, int64_t query_block) const;
  // Query blocks whose rows see a key block, ascending. Of packs of whole sequences only.
  std::span<const BlockRun> queries_of(int64_t sequence, int64_t key_block) const;

  // Bit j of masks[i]: row first_row + i sees key j of the block.
  void seen_by_rows(int64_t sequence, int64_t first_row, int num_rows, int64_t key_block,
                    uint64_t* masks) const;
  // Bit i of masks[j], the same; for up to 64 rows.
  void seen_of_keys(int64_t sequence, int64_t first_row, int num_rows, int64_t key_block,
                    uint64_t* masks) const;

 private:
  struct Runs {
    std::vector<BlockRun> runs;
    std::vector<int64_t> starts = {0};
    void close() { starts.push_back(static_cast<int64_t>(runs.size())); }
    void append(const std::vector<BlockRun>& list);
    std::span<const BlockRun> list(int64_t index) const;
  };
  enum class Sight { none, partial, full };
  struct Extremes;
  // Of one sequence: where its rows' and keys' lists, and its keys' hidden rows, begin.
  struct First {
    int64_t query_list, key_list, key;
  };

  void list_causal(const AttentionSequence& sequence, bool has_cache);
  void list_masked(int64_t sequence, bool has_cache);
  Sight sight_of(int64_t sequence, int64_t query, int64_t key, const Extremes& keys) const;

  std::vector<AttentionSequence> sequences_;
  std::vector<First> firsts_;
  std::vector<HiddenRows> hidden_;  // [keys]; empty: plain causal
  Runs keys_, queries_;
};

}  // namespace troupe
