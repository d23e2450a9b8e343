// Forward: one work item is one key/value head's queries of a range of tokens; its rows are
// (token, head of the group). All sums are f32, whatever the tensors hold.
#include <algorithm>
#include <cstring>
#include <limits>
#include <optional>

#include "base/error.h"
#include "kernels/attention/attention.h"
#include "kernels/attention/block_lists.h"
#include "kernels/attention/deal.h"
#include "kernels/attention/geometry.h"
#include "kernels/attention/key_value_blocks.h"
#include "kernels/attention/product.h"
#include "kernels/attention/query_rows.h"
#include "kernels/kernel_args.h"

namespace troupe {
namespace {

constexpr int kSpanBlocks = 1024 / kKeyBlock;
constexpr int kQueryRows = 48;    // rows that share one pass over a key block
constexpr int kItemTokens = 128;  // a sequence's pack tokens up to here are one work item
constexpr int kFewTokens = 4;
constexpr int kPrefetchLines = 16;  // of the next block, which no hardware prefetcher can guess

// What a tile of rows is: tokens [begin, begin + num_rows / group) of a sequence, all in one query
// block.
template <class T>
struct Tile {
  const KeyValueBlocks<T>& blocks;
  int64_t sequence;
  int kv_head;
  int64_t begin;
  int num_rows;
};

template <class T>
struct Call {
  AttentionGeometry geometry;
  const T *q, *k, *v;
  const float* sinks;  // [heads], or null
  T* out;
  float* log_sum_exp;
  const BlockLists* lists;
  std::vector<KeyValueBlocks<T>> blocks;  // [sequences]; empty where `int8` is not
  std::vector<Int8Blocks<T>> int8;        // [sequences]

  // Of a tile's first row, in its sequence.
  int64_t first_position(const Tile<T>& tile) const {
    return lists->sequences()[tile.sequence].first_position + tile.begin;
  }
};

struct Item {
  int64_t sequence;
  int kv_head;
  int64_t begin, end;  // of the sequence's tokens in this pack
  double cost;
};

// Copies keys and values of tokens [begin, end), which must lie in one block, into that block.
template <class T>
void write_block(const Call<T>& call, int64_t sequence, int kv_head, int64_t begin, int64_t end) {
  const auto& g = call.geometry;
  const auto& s = call.lists->sequences()[sequence];
  const int64_t offset = (s.begin + begin) * g.kv_stride() + kv_head * g.head_dim;
  const auto write_to = [&](const auto& blocks) {
    blocks.write(g, kv_head, s.first_position + begin, end - begin, call.k + offset,
                 call.v + offset);
  };
  call.int8.empty() ? write_to(call.blocks[sequence]) : write_to(call.int8[sequence]);
}

// Calls body(begin, end) for each key block's share of tokens [0, num_tokens).
template <class Body>
void for_each_block(const AttentionSequence& sequence, const Body& body) {
  for (int64_t begin = 0; begin < sequence.num_tokens;) {
    const int64_t in_block = (sequence.first_position + begin) % kKeyBlock;
    const int64_t end = std::min(sequence.num_tokens, begin + kKeyBlock - in_block);
    body(begin, end);
    begin = end;
  }
}

template <class T>
int64_t offset_of(const Call<T>& call, const Tile<T>& tile, int row) {
  const auto& g = call.geometry;
  const int64_t token = call.lists->sequences()[tile.sequence].begin + tile.begin + row / g.group;
  return token * g.heads + tile.kv_head * g.group + row % g.group;
}

template <class T>
void load_queries(const Call<T>& call, const Tile<T>& tile, QueryRows& rows) {
  const int head_dim = call.geometry.head_dim;
  for (int row = 0; row < tile.num_rows; ++row) {
    const T* q = call.q + offset_of(call, tile, row) * head_dim;
    std::memcpy(rows.q + row * kStride, q, head_dim * sizeof(T));
    rows.begin_span(row, call.geometry.padded);
    rows.has_past[row] = 0;
  }
}

template <class T>
void prefetch(const T* block) {
  const auto* bytes = reinterpret_cast<const char*>(block);
  for (int line = 0; line < kPrefetchLines; ++line) _mm_prefetch(bytes + line * 64, _MM_HINT_T1);
}

template <class T>
const float* words(const T* block) {
  return reinterpret_cast<const float*>(block);
}

// Adds the block's keys that rows [begin, end) of the tile see.
template <class T>
void add_block(const Call<T>& call, const Tile<T>& tile, QueryRows& rows, int64_t block, int begin,
               int end, const Steps& seen) {
  const auto& g = call.geometry;
  const auto& blocks = tile.blocks;
  const int64_t keys_before = call.first_position(tile) - block * kKeyBlock;
  multiply_scores<T>(rows.q + begin * kStride, words(blocks.keys(block, tile.kv_head)),
                     rows.weights + begin * kStride, end - begin, g.head_dim, seen);
  for (int row = begin; row < end; ++row)
    if (const uint64_t keys = seen.of_row(row - begin))
      rows.add_block<T>(row, keys,
                        {g, tile.kv_head * g.group + row % g.group, keys_before + row / g.group},
                        g.padded);
  multiply<Side::kRows, Start::kStored, T>(
      {rows.weights + begin * kStride, words(blocks.values(block, tile.kv_head)), g.padded,
       rows.out + begin * kStride},
      end - begin, num_vecs(g.head_dim), seen);
}

template <class T>
void add_partial_block(const Call<T>& call, const Tile<T>& tile, QueryRows& rows, int64_t block) {
  const int group = call.geometry.group;
  uint64_t masks[kKeyBlock];
  int begin = 0, end = tile.num_rows / group;
  call.lists->seen_by_rows(tile.sequence, call.first_position(tile), end, block, masks);
  while (begin < end && masks[begin] == 0) ++begin;
  while (begin < end && masks[end - 1] == 0) --end;
  const bool is_full =
      std::all_of(masks + begin, masks + end, [](uint64_t mask) { return mask == ~uint64_t{0}; });
  add_block(call, tile, rows, block, begin * group, end * group,
            {kKeyBlock, is_full ? nullptr : masks + begin, group});
}

template <class T>
void finish_row(const Call<T>& call, const Tile<T>& tile, QueryRows& rows, int row) {
  const auto& g = call.geometry;
  const int64_t offset = offset_of(call, tile, row);
  T* out = call.out + offset * g.head_dim;
  rows.end_span(row, g.padded);
  if (call.sinks) {
    const float sink = call.sinks[tile.kv_head * g.group + row % g.group];
    rows.add_sink(row, sink * std::numbers::log2e_v<float>, g.padded);
  }
  if (!rows.has_past[row]) {
    std::fill_n(out, g.head_dim, T{});
    call.log_sum_exp[offset] = -QueryRows::kInfinity;
    return;
  }
  const float total = reduce_add(load(rows.past_total + row * kLanes));
  for (int d = 0; d < g.head_dim; d += kLanes) {
    // A sum that was rounded to minus zero becomes zero, as if something unseen had been added.
    const Vec sum = add(load(rows.past_out + row * kStride + d), zero());
    store(out + d, div(sum, set1(total)), first_lanes(g.head_dim - d));
  }
  call.log_sum_exp[offset] = rows.past_max[row] * std::numbers::ln2_v<float> + log(total);
}

template <class T>
void attend(const Call<T>& call, const Tile<T>& tile, QueryRows& rows) {
  const auto& g = call.geometry;
  load_queries(call, tile, rows);
  int64_t span = 0;
  const auto runs = call.lists->keys_of(tile.sequence, call.first_position(tile) / kKeyBlock);
  for (const auto& run : runs)
    for (int64_t block = run.begin; block < run.end; ++block) {
      if (block + 1 < runs.back().end) prefetch(tile.blocks.keys(block + 1, tile.kv_head));
      if (std::exchange(span, block / kSpanBlocks) != span)
        for (int row = 0; row < tile.num_rows; ++row) {
          rows.end_span(row, g.padded);
          rows.begin_span(row, g.padded);
        }
      if (run.is_partial)
        add_partial_block(call, tile, rows, block);
      else
        add_block(call, tile, rows, block, 0, tile.num_rows, {kKeyBlock});
    }
  for (int row = 0; row < tile.num_rows; ++row) finish_row(call, tile, rows, row);
}

// The blocks that an item's rows see, out of int8.
template <class T>
KeyValueBlocks<T> widened_blocks_of(const Call<T>& call, const Item& item) {
  static thread_local FloatScratch scratch;
  const int64_t position = call.lists->sequences()[item.sequence].first_position;
  int64_t first = std::numeric_limits<int64_t>::max(), last = 0;
  for (int64_t query = (position + item.begin) / kKeyBlock;
       query <= (position + item.end - 1) / kKeyBlock; ++query)
    for (const auto& run : call.lists->keys_of(item.sequence, query)) {
      first = std::min<int64_t>(first, run.begin);
      last = std::max<int64_t>(last, run.end);
    }
  return widened_blocks(call.geometry, call.int8[item.sequence], item.kv_head,
                        std::min(first, last), last, scratch);
}

int tokens_per_tile(int group) {
  return std::max(1, kQueryRows / group);
}

template <class T>
void run_item(const Call<T>& call, const Item& item) {
  static thread_local FloatScratch scratch;
  const auto& sequence = call.lists->sequences()[item.sequence];
  if (item.end - item.begin == sequence.num_tokens)  // nobody else reads what it writes
    for_each_block(sequence, [&](int64_t begin, int64_t end) {
      write_block(call, item.sequence, item.kv_head, begin, end);
    });
  const int group = call.geometry.group, tokens = tokens_per_tile(group);
  QueryRows rows(scratch, int64_t{tokens} * group);
  const auto blocks =
      call.int8.empty() ? call.blocks[item.sequence] : widened_blocks_of(call, item);
  for (int64_t begin = item.begin; begin < item.end;) {
    const int64_t to_border = kKeyBlock - (sequence.first_position + begin) % kKeyBlock;
    const auto count =
        static_cast<int>(std::min<int64_t>(tokens, std::min(to_border, item.end - begin)));
    attend(call, {blocks, item.sequence, item.kv_head, begin, count * group}, rows);
    begin += count;
  }
}

enum class Operand { keys, values };

// Of few tokens, keys and values come from memory: keys of one item while the one before computes,
// and its values while it multiplies by its keys. All at once would be more than a core can await.
template <class T>
void prefetch_first_block(const Call<T>& call, const Item& item, Operand operand) {
  constexpr int64_t kLine = 64, kKeyLine = kLine / sizeof(uint32_t);
  const auto& g = call.geometry;
  const auto& sequence = call.lists->sequences()[item.sequence];
  const auto runs =
      call.lists->keys_of(item.sequence, (sequence.first_position + item.begin) / kKeyBlock);
  if (!call.int8.empty() || runs.empty() || item.end - item.begin > kFewTokens) return;
  const auto& blocks = call.blocks[item.sequence];
  const int64_t block = runs[0].begin;
  const int64_t keys = std::min<int64_t>(sequence.end_position() - block * kKeyBlock, kKeyBlock);
  if (operand == Operand::values) {
    const auto* from = reinterpret_cast<const char*>(blocks.values(block, item.kv_head));
    for (const char* end = from + keys * g.padded * sizeof(T); from < end; from += kLine)
      _mm_prefetch(from, _MM_HINT_T1);
    return;
  }
  if (sequence.num_tokens == 1) blocks.prefetch_to_write(g, item.kv_head, sequence.first_position);
  const auto* from = reinterpret_cast<const char*>(blocks.keys(block, item.kv_head));
  const int64_t words = g.head_dim / kElementsPerWord<T>;
  for (int64_t word = 0; word < words; ++word, from += kKeyBlock * sizeof(uint32_t))
    for (int64_t key = 0; key < keys; key += kKeyLine)
      _mm_prefetch(from + key * sizeof(uint32_t), _MM_HINT_T1);
}

template <class T>
void run_items(const Call<T>& call, std::span<const Item> items) {
  for (size_t i = 0; i < items.size(); ++i) {
    prefetch_first_block(call, items[i], Operand::values);
    if (i + 1 < items.size()) prefetch_first_block(call, items[i + 1], Operand::keys);
    run_item(call, items[i]);
  }
  release_product_tiles();
}

// Multiply-adds, and the time to read keys and values, in the same unit, of rows in query block
// `block`.
double cost_of(const AttentionGeometry& g, const BlockLists& lists, int64_t sequence, int64_t block,
               int64_t num_tokens) {
  double keys = 0;
  for (const auto& run : lists.keys_of(sequence, block))
    keys += static_cast<double>(run.end - run.begin) * (run.is_partial ? 0.5 : 1) * kKeyBlock;
  return g.head_dim * keys * (2.0 * g.group * static_cast<double>(num_tokens) + 24) + 2000;
}

template <class T>
void list_items(const Call<T>& call, std::vector<Item>& writes, std::vector<Item>& items) {
  const auto& g = call.geometry;
  int64_t sequence = -1;
  for (const auto& s : call.lists->sequences()) {
    ++sequence;
    const bool is_whole = s.num_tokens <= kItemTokens;
    for (int head = 0; head < g.kv_heads; ++head) {
      if (is_whole) items.push_back({sequence, head, 0, s.num_tokens, 0});
      for_each_block(s, [&](int64_t begin, int64_t end) {
        const double cost =
            cost_of(g, *call.lists, sequence, (s.first_position + begin) / kKeyBlock, end - begin);
        if (is_whole) {
          items.back().cost += cost;
          return;
        }
        items.push_back({sequence, head, begin, end, cost});
        writes.push_back({sequence, head, begin, end, 24.0 * g.head_dim * (end - begin)});
      });
    }
  }
}

template <class T>
void run(const KernelArgs& args) {
  static thread_local FloatScratch temporary;
  const CacheView* cache = args.context.cache;
  std::optional<BlockLists> own;
  if (!args.context.block_lists) own.emplace(*args.context.pack, cache != nullptr);
  Call<T> call = {AttentionGeometry(args.attributes),
                  args.inputs[0].as<T>(),
                  args.inputs[1].as<T>(),
                  args.inputs[2].as<T>(),
                  args.inputs.size() > 3 ? args.inputs[3].as<float>() : nullptr,
                  args.outputs[0].as<T>(),
                  args.outputs[1].as<float>(),
                  own ? &*own : args.context.block_lists,
                  {},
                  {}};
  const auto& sequences = call.lists->sequences();
  if (cache) check_cache<T>(call.geometry, *cache, sequences);
  if (!cache)
    call.blocks = temporary_blocks<T>(call.geometry, temporary, sequences);
  else if (cache->cache->format() == KeyValueFormat::exact)
    call.blocks = cache_blocks<T>(*cache, args.attributes.layer);
  else
    call.int8 = int8_cache_blocks<T>(*cache, args.attributes.layer);
  std::vector<Item> writes, items;
  list_items(call, writes, items);
  run_dealt(args.context.pool, std::span<const Item>(writes), [&](std::span<const Item> share) {
    for (const Item& item : share)
      write_block(call, item.sequence, item.kv_head, item.begin, item.end);
  });
  run_dealt(args.context.pool, std::span<const Item>(items),
            [&](std::span<const Item> share) { run_items(call, share); });
}

}  // namespace

void attention_cpu(const KernelArgs& args) {
  const DType dtype = args.inputs[0].dtype;
  CHECK(dtype == DType::f32 || dtype == DType::bf16, name_of(dtype));
  for (const Tensor& input : args.inputs.first(3))
    CHECK(input.dtype == dtype, name_of(input.dtype));
  if (args.inputs.size() > 3)
    CHECK(args.inputs[3].dtype == DType::f32, name_of(args.inputs[3].dtype));
  CHECK(args.context.pack, args.context.pack);
  CHECK(args.outputs[1].dtype == DType::f32, name_of(args.outputs[1].dtype));
  dtype == DType::f32 ? run<float>(args) : run<Bf16>(args);
}

}  // namespace troupe
