// Forward: one work item is one key/value head's queries of a range of tokens; its rows are
// (token, head of the group). All sums are f32, whatever the tensors hold.
#include <cstring>
#include <limits>

#include "base/error.h"
#include "kernels/attention/attention.h"
#include "kernels/attention/deal.h"
#include "kernels/attention/geometry.h"
#include "kernels/attention/key_value_blocks.h"
#include "kernels/attention/small_product.h"
#include "kernels/attention/softmax_weight.h"
#include "kernels/math.h"

namespace troupe {
namespace {

constexpr int kSpanBlocks = 1024 / kKeyBlock;
constexpr int kQueryRows = 48;      // rows that share one pass over a key block
constexpr int kItemTokens = 128;    // a sequence's pack tokens up to here are one work item
constexpr int kPrefetchLines = 16;  // of the next block, which no hardware prefetcher can guess
constexpr float kInfinity = std::numeric_limits<float>::infinity();

template <class T>
struct Call {
  AttentionGeometry geometry;
  const T *q, *k, *v;
  T* out;
  float* log_sum_exp;
  std::vector<AttentionSequence> sequences;
  std::vector<KeyValueBlocks<T>> blocks;  // [sequences]
};

struct Item {
  int64_t sequence;
  int kv_head;
  int64_t begin, end;  // of the sequence's tokens in this pack
  double cost;
};

// Softmax state of the query rows of an item: of the current span, and of the spans before it.
struct Rows {
  float *q, *weights, *out, *total, *max;
  float *past_out, *past_total, *past_max;

  Rows(FloatScratch& scratch, int64_t n) {
    float* at = scratch.floats(n * (4 * kStride + 4 * kLanes));
    for (float** part : {&q, &weights, &out, &past_out})
      *part = std::exchange(at, at + n * kStride);
    for (float** part : {&total, &past_total, &max, &past_max})
      *part = std::exchange(at, at + n * kLanes);
  }
  void reset(int row, int64_t padded) {
    std::memset(out + row * kStride, 0, padded * sizeof(float));
    store(total + row * kLanes, zero());
    max[row] = -kInfinity;
  }
};

// Copies keys and values of tokens [begin, end), which must lie in one block, into that block.
template <class T>
void write_block(const Call<T>& call, int64_t sequence, int kv_head, int64_t begin, int64_t end) {
  const auto& g = call.geometry;
  const auto& s = call.sequences[sequence];
  const int64_t offset = (s.begin + begin) * g.kv_stride() + kv_head * g.head_dim;
  call.blocks[sequence].write(g, kv_head, s.first_position + begin, end - begin, call.k + offset,
                              call.v + offset);
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

// Turns a row of scores into weights, and rescales what was summed under the old max.
void softmax_row(Rows& rows, int row, int num_keys, float log2_scale, int64_t padded) {
  float* weights = rows.weights + row * kStride;
  const int vecs = num_vecs(num_keys);
  Vec s[4] = {zero(), zero(), zero(), zero()};
  Vec block_max = set1(-kInfinity);
  for (int v = 0; v < vecs; ++v) {
    const Vec scaled = mul(load(weights + v * kLanes), set1(log2_scale));
    s[v] = select(first_lanes(num_keys - v * kLanes), scaled, set1(-kInfinity));
    block_max = max(block_max, s[v]);
  }
  const float old_max = rows.max[row], new_max = std::max(old_max, reduce_max(block_max));
  Vec total = load(rows.total + row * kLanes);
  if (new_max != old_max && old_max != -kInfinity) {  // else the factor is 1, or all is 0
    const Vec factor = softmax_weight(set1(old_max - new_max));
    total = mul(total, factor);
    float* out = rows.out + row * kStride;
    for (int64_t d = 0; d < padded; d += kLanes) store(out + d, mul(load(out + d), factor));
  }
  rows.max[row] = new_max;
  for (int v = 0; v < vecs; ++v) {
    s[v] = softmax_weight(sub(s[v], set1(new_max)));
    store(weights + v * kLanes, s[v]);
  }
  store(rows.total + row * kLanes, add(total, add(add(s[0], s[1]), add(s[2], s[3]))));
}

// past = past combined with the span that ends here; the first span is taken as it is.
void combine_span(Rows& rows, int row, bool is_first, int64_t padded) {
  const float past = is_first ? -kInfinity : rows.past_max[row];
  const float both = is_first ? rows.max[row] : std::max(past, rows.max[row]);
  const Vec past_factor = softmax_weight(set1(past - both)),
            factor = softmax_weight(set1(rows.max[row] - both));
  const auto combine = [&](float* to, const float* from) {
    const Vec x = load(from);
    store(to, is_first ? x : fma(x, factor, mul(load(to), past_factor)));
  };
  combine(rows.past_total + row * kLanes, rows.total + row * kLanes);
  for (int64_t d = 0; d < padded; d += kLanes)
    combine(rows.past_out + row * kStride + d, rows.out + row * kStride + d);
  rows.past_max[row] = both;
}

// What a tile of rows is: tokens [begin, begin + num_rows / group) of a sequence.
struct Tile {
  int64_t sequence;
  int kv_head;
  int64_t begin;
  int num_rows;
};

template <class T>
int64_t offset_of(const Call<T>& call, const Tile& tile, int row) {
  const auto& g = call.geometry;
  const int64_t token = call.sequences[tile.sequence].begin + tile.begin + row / g.group;
  return token * g.heads + tile.kv_head * g.group + row % g.group;
}

template <class T>
void load_queries(const Call<T>& call, const Tile& tile, Rows& rows) {
  const int head_dim = call.geometry.head_dim;
  for (int row = 0; row < tile.num_rows; ++row) {
    const T* q = call.q + offset_of(call, tile, row) * head_dim;
    for (int d = 0; d < head_dim; d += kLanes)
      store(rows.q + row * kStride + d, load(q + d, first_lanes(head_dim - d)));
    rows.reset(row, call.geometry.padded);
  }
}

template <class T>
void prefetch(const T* block) {
  const auto* bytes = reinterpret_cast<const char*>(block);
  for (int line = 0; line < kPrefetchLines; ++line) _mm_prefetch(bytes + line * 64, _MM_HINT_T1);
}

template <class T>
void attend_block(const Call<T>& call, const Tile& tile, Rows& rows, int64_t block, int first_row) {
  const auto& g = call.geometry;
  const auto& blocks = call.blocks[tile.sequence];
  const int64_t first = call.sequences[tile.sequence].first_position + tile.begin;
  const int64_t seen_by_first = first + first_row / g.group - block * kKeyBlock + 1;
  const Depth seen = {static_cast<int>(std::min<int64_t>(kKeyBlock, seen_by_first)), g.group,
                      kKeyBlock};
  const int num_rows = tile.num_rows - first_row;
  float* weights = rows.weights + first_row * kStride;
  multiply_scores(rows.q + first_row * kStride, blocks.keys(block, tile.kv_head), weights, num_rows,
                  g.head_dim, seen);
  for (int row = 0; row < num_rows; ++row)
    softmax_row(rows, first_row + row, seen(row), g.log2_scale(), g.padded);
  multiply_small<Side::kRows, Start::kStored, T>(
      {weights, blocks.values(block, tile.kv_head), g.padded, rows.out + first_row * kStride},
      num_rows, num_vecs(g.head_dim), seen);
}

template <class T>
void finish_row(const Call<T>& call, const Tile& tile, Rows& rows, int row) {
  const auto& g = call.geometry;
  const int64_t position =
      call.sequences[tile.sequence].first_position + tile.begin + row / g.group;
  const int64_t spans = position / (kSpanBlocks * kKeyBlock);
  combine_span(rows, row, spans == 0, g.padded);
  const float total = reduce_add(load(rows.past_total + row * kLanes));
  const int64_t offset = offset_of(call, tile, row);
  for (int d = 0; d < g.head_dim; d += kLanes)
    store(call.out + offset * g.head_dim + d,
          div(load(rows.past_out + row * kStride + d), set1(total)), first_lanes(g.head_dim - d));
  call.log_sum_exp[offset] = rows.past_max[row] * std::numbers::ln2_v<float> + log(total);
}

template <class T>
void attend(const Call<T>& call, const Tile& tile, Rows& rows) {
  const int group = call.geometry.group;
  load_queries(call, tile, rows);
  const int64_t first = call.sequences[tile.sequence].first_position + tile.begin;
  const int64_t last_block = (first + tile.num_rows / group - 1) / kKeyBlock;
  for (int64_t block = 0; block <= last_block; ++block) {
    if (block < last_block) prefetch(call.blocks[tile.sequence].keys(block + 1, tile.kv_head));
    // Rows whose position is before this block see nothing of it.
    const int first_row = static_cast<int>(std::max<int64_t>(0, block * kKeyBlock - first)) * group;
    for (int row = first_row; block > 0 && block % kSpanBlocks == 0 && row < tile.num_rows; ++row) {
      combine_span(rows, row, block == kSpanBlocks, call.geometry.padded);
      rows.reset(row, call.geometry.padded);
    }
    attend_block(call, tile, rows, block, first_row);
  }
  for (int row = 0; row < tile.num_rows; ++row) finish_row(call, tile, rows, row);
}

int tokens_per_tile(int group) {
  return std::max(1, kQueryRows / group);
}

template <class T>
void run_item(const Call<T>& call, const Item& item) {
  static thread_local FloatScratch scratch;
  const auto& sequence = call.sequences[item.sequence];
  if (item.end - item.begin == sequence.num_tokens)  // nobody else reads what it writes
    for_each_block(sequence, [&](int64_t begin, int64_t end) {
      write_block(call, item.sequence, item.kv_head, begin, end);
    });
  const int group = call.geometry.group, tokens = tokens_per_tile(group);
  Rows rows(scratch, int64_t{tokens} * group);
  for (int64_t begin = item.begin; begin < item.end; begin += tokens) {
    const int num_rows = static_cast<int>(std::min<int64_t>(tokens, item.end - begin)) * group;
    attend(call, {item.sequence, item.kv_head, begin, num_rows}, rows);
  }
}

// Multiply-adds, and the time to read keys and values, in the same unit.
double cost_of(const AttentionGeometry& g, int64_t first_position, int64_t num_tokens) {
  const double keys = static_cast<double>(first_position) + num_tokens;
  const double pairs = num_tokens * (first_position + num_tokens * 0.5) * g.group;
  return g.head_dim * (2 * pairs + 24 * keys) + 2000;
}

template <class T>
void list_items(const Call<T>& call, std::vector<Item>& writes, std::vector<Item>& items) {
  const auto& g = call.geometry;
  for (size_t i = 0; i < call.sequences.size(); ++i) {
    const auto& s = call.sequences[i];
    const auto sequence = static_cast<int64_t>(i);
    const int64_t step = s.num_tokens <= kItemTokens ? s.num_tokens : tokens_per_tile(g.group);
    for (int head = 0; head < g.kv_heads; ++head) {
      for (int64_t begin = 0; begin < s.num_tokens; begin += step) {
        const int64_t end = std::min(begin + step, s.num_tokens);
        items.push_back(
            {sequence, head, begin, end, cost_of(g, s.first_position + begin, end - begin)});
      }
      if (step == s.num_tokens) continue;
      for_each_block(s, [&](int64_t begin, int64_t end) {
        writes.push_back({sequence, head, begin, end, 24.0 * g.head_dim * (end - begin)});
      });
    }
  }
}

template <class T>
void run(const KernelArgs& args) {
  static thread_local FloatScratch temporary;
  Call<T> call = {AttentionGeometry(args.attributes),
                  args.inputs[0].as<T>(),
                  args.inputs[1].as<T>(),
                  args.inputs[2].as<T>(),
                  args.outputs[0].as<T>(),
                  args.outputs[1].as<float>(),
                  attention_sequences(args.context),
                  {}};
  const CacheView* cache = args.context.cache;
  call.blocks = cache
                    ? cache_blocks<T>(call.geometry, *cache, args.attributes.layer, call.sequences)
                    : temporary_blocks<T>(call.geometry, temporary, call.sequences);
  std::vector<Item> writes, items;
  list_items(call, writes, items);
  run_dealt(args.context.pool, writes, [&](const Item& item) {
    write_block(call, item.sequence, item.kv_head, item.begin, item.end);
  });
  run_dealt(args.context.pool, items, [&](const Item& item) { run_item(call, item); });
}

}  // namespace

void attention_cpu(const KernelArgs& args) {
  const DType dtype = args.inputs[0].dtype;
  CHECK(dtype == DType::f32 || dtype == DType::bf16, name_of(dtype));
  for (const Tensor& input : args.inputs) CHECK(input.dtype == dtype, name_of(input.dtype));
  CHECK(args.outputs[1].dtype == DType::f32, name_of(args.outputs[1].dtype));
  dtype == DType::f32 ? run<float>(args) : run<Bf16>(args);
}

}  // namespace troupe
