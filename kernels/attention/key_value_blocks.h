// Where one sequence's keys and values lie: in a cache's blocks by its block table, or in
// temporary blocks of the same layout, one after the other. Attention reads both alike. What a
// cache holds in int8 it reads from temporary blocks, too.
#pragma once

#include <algorithm>
#include <cstring>
#include <vector>

#include "base/error.h"
#include "kernels/attention/block_lists.h"
#include "kernels/attention/geometry.h"
#include "kernels/attention/int8_blocks.h"
#include "kernels/attention/small_product.h"
#include "kernels/attention/word_layout.h"

namespace troupe {

template <class T>
struct KeyValueBlocks {
  T* base;
  const int32_t* table;  // null: they lie one after another, from first_block on
  int64_t block_stride, head_stride, keys_size;
  int64_t first_block = 0;

  T* keys(int64_t block, int kv_head) const {
    return base + (table ? table[block] : block - first_block) * block_stride +
           kv_head * head_stride;
  }
  T* values(int64_t block, int kv_head) const { return keys(block, kv_head) + keys_size; }

  // Copies `count` rows of k and v, of one head and kv_stride() elements apart, to `position` on;
  // all in one block.
  void write(const AttentionGeometry& g, int kv_head, int64_t position, int64_t count, const T* k,
             const T* v) const {
    const int64_t block = position / kKeyBlock, index = position % kKeyBlock;
    transpose_words(k, g.kv_stride(), count, g.head_dim, keys(block, kv_head), index);
    interleave_rows(v, g.kv_stride(), count, g.head_dim, values(block, kv_head), g.padded, index);
  }

  // Fetches the lines that writing one row to `position` changes, for this core alone.
  void prefetch_to_write(const AttentionGeometry& g, int kv_head, int64_t position) const {
    constexpr int64_t kWord = sizeof(uint32_t), kElements = kElementsPerWord<T>, kLine = 64;
    const int64_t block = position / kKeyBlock, index = position % kKeyBlock;
    const auto* key = reinterpret_cast<const char*>(keys(block, kv_head)) + index * kWord;
    for (int64_t word = 0; word < g.head_dim / kElements; ++word)
      __builtin_prefetch(key + word * kKeyBlock * kWord, 1);
    const auto* value = reinterpret_cast<const char*>(values(block, kv_head)) +
                        index / kElements * g.padded * kWord;
    for (int64_t at = 0; at < g.padded * kWord; at += kLine) __builtin_prefetch(value + at, 1);
  }
};

// Throws unless the cache has the op's shape and the tables hold allocated blocks up to each
// sequence's end.
template <class T>
void check_cache(const AttentionGeometry& g, const CacheView& view,
                 const std::vector<AttentionSequence>& sequences) {
  const KeyValueCache& cache = *view.cache;
  CHECK(size_of(cache.dtype()) == sizeof(T), name_of(cache.dtype()));
  CHECK(cache.layout().head_dim == g.head_dim, cache.layout().head_dim, g.head_dim);
  CHECK(cache.num_key_value_heads() == g.kv_heads, cache.num_key_value_heads(), g.kv_heads);
  CHECK(view.block_tables.size() == sequences.size(), view.block_tables.size(), sequences.size());
  for (size_t i = 0; i < sequences.size(); ++i) {
    const auto& table = view.block_tables[i];
    const int64_t needed = num_key_blocks(sequences[i].end_position());
    CHECK(static_cast<int64_t>(table.size()) >= needed, i, table.size(), needed);
    for (int64_t block = 0; block < needed; ++block)
      CHECK(cache.num_holders(table[block]) > 0, i, block, table[block]);
  }
}

// One per sequence, over an exact cache's blocks of `layer`.
template <class T>
std::vector<KeyValueBlocks<T>> cache_blocks(const CacheView& view, int layer) {
  const KeyValueCache& cache = *view.cache;
  const auto block_stride = static_cast<int64_t>(cache.bytes_per_block() / sizeof(T));
  std::vector<KeyValueBlocks<T>> blocks;
  for (const auto& table : view.block_tables)
    blocks.push_back({static_cast<T*>(cache.data(layer)), table.data(), block_stride,
                      cache.layout().size(), cache.layout().keys_size()});
  return blocks;
}

// The same of a cache in int8.
template <class T>
std::vector<Int8Blocks<T>> int8_cache_blocks(const CacheView& view, int layer) {
  const KeyValueCache& cache = *view.cache;
  std::vector<Int8Blocks<T>> blocks;
  for (const auto& table : view.block_tables)
    blocks.push_back({static_cast<std::byte*>(cache.data(layer)), table.data(),
                      static_cast<int64_t>(cache.bytes_per_block()),
                      static_cast<int64_t>(cache.bytes_per_head())});
  return blocks;
}

// One head's blocks [first, last) of a cache in int8, widened into `scratch`.
template <class T>
KeyValueBlocks<T> widened_blocks(const AttentionGeometry& g, const Int8Blocks<T>& from, int kv_head,
                                 int64_t first, int64_t last, FloatScratch& scratch) {
  const KeyValueLayout layout = {g.head_dim};
  auto* base = reinterpret_cast<T*>(scratch.floats((last - first) * layout.size() * sizeof(T) / 4));
  const KeyValueBlocks<T> blocks = {base, nullptr, layout.size(), 0, layout.keys_size(), first};
  for (int64_t block = first; block < last; ++block)
    from.read(g, block, kv_head, blocks.keys(block, kv_head), blocks.values(block, kv_head));
  return blocks;
}

// One per sequence, in `scratch`.
template <class T>
std::vector<KeyValueBlocks<T>> temporary_blocks(const AttentionGeometry& g, FloatScratch& scratch,
                                                const std::vector<AttentionSequence>& sequences) {
  const KeyValueLayout layout = {g.head_dim};
  const int64_t block_stride = layout.size() * g.kv_heads;
  int64_t num_blocks = 0;
  for (const auto& s : sequences) num_blocks += num_key_blocks(s.num_tokens);
  T* base = reinterpret_cast<T*>(scratch.floats(num_blocks * block_stride * sizeof(T) / 4));
  std::vector<KeyValueBlocks<T>> blocks;
  for (const auto& s : sequences) {
    blocks.push_back({base, nullptr, block_stride, layout.size(), layout.keys_size()});
    base += num_key_blocks(s.num_tokens) * block_stride;
  }
  return blocks;
}

}  // namespace troupe
