// Keys and values of earlier tokens, in blocks of 64 positions that sequences share and give back.
//
// One block covers 64 positions in all layers and heads. For one (layer, key/value head) it holds
// the keys as [head_dim][64] and the values as [64][head_dim, padded to whole vectors]; of bf16 as
// [head_dim / 2][64][2] and [32][padded][2], in pairs of what is summed over. Memory is touched
// only as blocks are used.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <vector>

#include "base/dtype.h"

namespace troupe {

// The block of design.md's one order: sums over keys are cut at its multiples.
inline constexpr int kKeyBlock = 64;

// How one head's keys and values of 64 positions lie in memory, counted in elements.
struct KeyValueLayout {
  int head_dim = 0;

  int64_t value_stride() const { return (head_dim + 15) / 16 * 16; }
  int64_t keys_size() const { return int64_t{head_dim} * kKeyBlock; }
  int64_t size() const { return keys_size() + kKeyBlock * value_stride(); }
};

// As attention computes with them, or rounded to int8 with a scale for each position of each head
// (kernels/attention/int8_blocks.h).
enum class KeyValueFormat : uint8_t { exact, int8 };

class KeyValueCache {
 public:
  // dtype f32 or bf16; head_dim even, 8 to 256. Throws an Error when the memory is not there.
  KeyValueCache(int num_layers, int num_key_value_heads, int head_dim, DType dtype,
                int32_t num_blocks, KeyValueFormat format = KeyValueFormat::exact);
  ~KeyValueCache();
  KeyValueCache(const KeyValueCache&) = delete;
  KeyValueCache& operator=(const KeyValueCache&) = delete;

  std::optional<int32_t> allocate();          // a block with one holder; nothing when all are taken
  void retain(int32_t block);                 // one more holder
  void release(int32_t block);                // one holder fewer; free again when it was the last
  void copy_block(int32_t from, int32_t to);  // keys and values of all layers and heads
  int32_t num_free() const { return static_cast<int32_t>(free_.size()); }
  int32_t num_blocks() const { return static_cast<int32_t>(holders_.size()); }
  int32_t num_holders(int32_t block) const;  // 0: free

  int num_layers() const { return num_layers_; }
  int num_key_value_heads() const { return num_key_value_heads_; }
  const KeyValueLayout& layout() const { return layout_; }
  DType dtype() const { return dtype_; }  // of attention's operands
  KeyValueFormat format() const { return format_; }
  size_t bytes_per_head() const;  // of a block, in one layer
  size_t bytes_per_block() const;

  // Where block 0 of `layer`, head 0, begins. Heads are bytes_per_head() apart, blocks
  // bytes_per_block(). An exact one's elements have layout().
  void* data(int layer) const;

 private:
  int32_t checked(int32_t block) const;
  size_t mapped_size() const;

  int num_layers_, num_key_value_heads_;
  KeyValueLayout layout_;
  DType dtype_;
  KeyValueFormat format_;
  std::vector<int32_t> holders_;
  std::vector<int32_t> free_;  // taken from the back
  int32_t num_touched_ = 0;    // blocks that were ever taken; they alone count as memory in use
  std::byte* memory_ = nullptr;
};

// The cache blocks of each sequence of a pack: table[i] holds positions [64 i, 64 i + 64).
struct CacheView {
  KeyValueCache* cache = nullptr;
  std::vector<std::vector<int32_t>> block_tables;  // [sequences][blocks]
};

}  // namespace troupe
