// Backward: scores are computed again from q, k and the kept log_sum_exp (FlashAttention-2, arXiv
// 2307.08691), one (query block, head, key block) at a time.
//
//   p = exp(s - log_sum_exp)      dv_j = sum_t p_tj d_out_t      dp_tj = d_out_t . v_j
//   ds_tj = p_tj (dp_tj - d_out_t . out_t) scale      dq_t = sum_j ds_tj k_j      dk_j = sum_t
//   ds_tj q_t
//
// A work item is a whole sequence of one key/value head. Where such items deal badly to the
// threads, some are split into items per key block (dk, dv) and per query block (dq), which compute
// p and ds twice: more work, the same order in every sum.
#include <cstring>
#include <optional>

#include "base/error.h"
#include "kernels/attention/attention.h"
#include "kernels/attention/block_lists.h"
#include "kernels/attention/deal.h"
#include "kernels/attention/geometry.h"
#include "kernels/attention/score.h"
#include "kernels/attention/small_product.h"
#include "kernels/attention/softmax_weight.h"
#include "kernels/kernel_args.h"

namespace troupe {
namespace {

template <class T>
struct Call {
  AttentionGeometry geometry;
  const T *d_out, *q, *k, *v, *out;
  const float* log_sum_exp;
  T *dq, *dk, *dv;
  const BlockLists* lists;
};

struct Item {
  int64_t sequence;
  int kv_head;
  int64_t query_begin, query_end, key_begin, key_end;  // blocks
  bool wants_keys, wants_queries;                      // dk and dv; dq
  double cost;
};

constexpr int64_t kBlockFloats = int64_t{kKeyBlock} * kStride;

// One thread's matrices. Rows of head_dim are padded with zeros to whole vectors.
struct Workspace {
  float *k, *k_columns, *v_columns, *dk, *dv;  // a key block: [64 keys] and [head_dim][64]
  float *q, *d_out, *mean, *log2_sum;          // a query block of one head: [64 rows], [64]
  float *p, *ds;                               // [64 rows][64 keys]
  float* dq;                                   // [query blocks][group][64 rows][padded]

  Workspace(FloatScratch& scratch, const AttentionGeometry& g, int64_t num_query_blocks) {
    const int64_t columns = int64_t{g.head_dim} * kKeyBlock;
    const int64_t dq_floats = num_query_blocks * g.group * kKeyBlock * g.padded;
    float* at = scratch.floats(7 * kBlockFloats + 2 * columns + 2 * kKeyBlock + dq_floats);
    for (float** block : {&k, &dk, &dv, &q, &d_out, &p, &ds})
      *block = std::exchange(at, at + kBlockFloats);
    for (float** block : {&k_columns, &v_columns}) *block = std::exchange(at, at + columns);
    for (float** row : {&mean, &log2_sum}) *row = std::exchange(at, at + kKeyBlock);
    dq = at;
    std::memset(dq, 0, dq_floats * sizeof(float));
  }
};

// The part of a sequence in one block: rows of the pack's tensors.
struct BlockRows {
  int64_t first;  // token of the pack
  int count;
};

BlockRows rows_of(const AttentionSequence& sequence, int64_t block) {
  const int64_t begin = block * kKeyBlock;
  return {sequence.begin + begin,
          static_cast<int>(std::min<int64_t>(kKeyBlock, sequence.num_tokens - begin))};
}

template <class T>
void load_row(const T* from, int count, float* to) {
  for (int d = 0; d < count; d += kLanes) store(to + d, load(from + d, first_lanes(count - d)));
}

template <class T>
void store_rows(const float* from, int64_t from_stride, int rows, int count, T* to,
                int64_t to_stride) {
  for (int row = 0; row < rows; ++row)
    for (int d = 0; d < count; d += kLanes)
      store(to + row * to_stride + d, load(from + row * from_stride + d), first_lanes(count - d));
}

void transpose(const float* from, int rows, int columns, float* to) {
  for (int column = 0; column < columns; ++column)
    for (int row = 0; row < rows; ++row)
      to[column * kKeyBlock + row] = from[row * kStride + column];
}

template <class T>
void load_keys(const Call<T>& call, const BlockRows& keys, int kv_head, Workspace& w) {
  const auto& g = call.geometry;
  const int64_t offset = keys.first * g.kv_stride() + kv_head * g.head_dim;
  for (int row = 0; row < keys.count; ++row) {
    load_row(call.v + offset + row * g.kv_stride(), g.head_dim, w.k + row * kStride);
  }
  transpose(w.k, keys.count, g.head_dim, w.v_columns);
  for (int row = 0; row < keys.count; ++row) {
    load_row(call.k + offset + row * g.kv_stride(), g.head_dim, w.k + row * kStride);
    std::memset(w.dk + row * kStride, 0, g.padded * sizeof(float));
    std::memset(w.dv + row * kStride, 0, g.padded * sizeof(float));
  }
  transpose(w.k, keys.count, g.head_dim, w.k_columns);
}

// q, d_out, log_sum_exp in powers of two, and mean[t] = d_out[t] . out[t].
template <class T>
void load_queries(const Call<T>& call, const BlockRows& queries, int head, Workspace& w) {
  const auto& g = call.geometry;
  for (int row = 0; row < queries.count; ++row) {
    const int64_t token = queries.first + row;
    const int64_t offset = token * g.q_stride() + head * g.head_dim;
    load_row(call.q + offset, g.head_dim, w.q + row * kStride);
    load_row(call.d_out + offset, g.head_dim, w.d_out + row * kStride);
    Vec mean = zero();
    for (int d = 0; d < g.head_dim; d += kLanes)
      mean = fma(load(w.d_out + row * kStride + d),
                 load(call.out + offset + d, first_lanes(g.head_dim - d)), mean);
    w.mean[row] = reduce_add(mean);
    w.log2_sum[row] = call.log_sum_exp[token * g.heads + head] * std::numbers::log2e_v<float>;
  }
}

// Which rows of a query block see which keys of a key block; null masks: all of them.
struct Pair {
  Steps keys, rows;     // of each row, of each key
  int64_t keys_before;  // the first row's position, counted from the key block's first
};

// Products become p, and d_out . v becomes ds; both are 0 for keys that the row does not see.
void weigh_row(const AttentionGeometry& g, int row, uint64_t seen, const RowScores& scores,
               int num_keys, Workspace& w) {
  const Vec log2_sum = set1(w.log2_sum[row]), mean = set1(w.mean[row]);
  for (int key = 0; key < num_keys; key += kLanes) {
    float *p = w.p + row * kStride + key, *ds = w.ds + row * kStride + key;
    const auto lanes = static_cast<Mask>(seen >> key);
    const Vec product = load(p);
    const Vec weight = softmax_weight(sub(scores.log2(product, key), log2_sum));
    Vec slope = mul(mul(weight, sub(load(ds), mean)), set1(g.scale));
    if (scores.is_capped()) slope = mul(slope, scores.slope(product));
    store(p, select(lanes, weight, zero()));
    store(ds, select(lanes, slope, zero()));
  }
}

// to[key] += sum over rows of a[row][key] * b[row], for rows that see the key.
void add_over_rows(const float* a, const float* b, float* to, int num_keys, const Steps& rows,
                   int vecs) {
  multiply_small<Side::kColumns, Start::kStored, float>({a, b, kStride, to}, num_keys, vecs, rows);
}

void add_pair(const AttentionGeometry& g, const Item& item, Workspace& w, int head, int num_rows,
              int num_keys, const Pair& pair, float* dq) {
  multiply_scores(w.q, w.k_columns, w.p, num_rows, g.head_dim, pair.keys);
  multiply_scores(w.d_out, w.v_columns, w.ds, num_rows, g.head_dim, pair.keys);
  for (int row = 0; row < num_rows; ++row)
    weigh_row(g, row, pair.keys.of_row(row), {g, head, pair.keys_before + row}, num_keys, w);
  const int vecs = num_vecs(g.head_dim);
  if (item.wants_keys) {
    add_over_rows(w.p, w.d_out, w.dv, num_keys, pair.rows, vecs);
    add_over_rows(w.ds, w.q, w.dk, num_keys, pair.rows, vecs);
  }
  if (item.wants_queries)
    multiply_small<Side::kRows, Start::kStored, float>({w.ds, w.k, kStride, dq, g.padded}, num_rows,
                                                       vecs, pair.keys);
}

// Adds what the query block's rows, of all heads of the group, make of the loaded key block.
template <class T>
void add_query_block(const Call<T>& call, const Item& item, int64_t block, bool is_partial,
                     int64_t key_block, Workspace& w) {
  const auto& g = call.geometry;
  const auto& sequence = call.lists->sequences()[item.sequence];
  const BlockRows queries = rows_of(sequence, block), keys = rows_of(sequence, key_block);
  uint64_t by_key[kKeyBlock], by_row[kKeyBlock];
  Pair pair = {{keys.count}, {queries.count}, (block - key_block) * kKeyBlock};
  if (is_partial) {
    call.lists->seen_of_keys(item.sequence, block * kKeyBlock, queries.count, key_block, by_key);
    std::copy_n(by_key, kKeyBlock, by_row);
    transpose_bits(by_row);
    pair.keys.masks = by_row, pair.rows.masks = by_key;
  }
  for (int i = 0; i < g.group; ++i) {
    const int head = item.kv_head * g.group + i;
    const int64_t slot = (block - item.query_begin) * g.group + i;
    load_queries(call, queries, head, w);
    add_pair(g, item, w, head, queries.count, keys.count, pair, w.dq + slot * kKeyBlock * g.padded);
  }
}

template <class T>
void add_key_block(const Call<T>& call, const Item& item, int64_t key_block, Workspace& w) {
  const auto& g = call.geometry;
  const BlockRows keys = rows_of(call.lists->sequences()[item.sequence], key_block);
  load_keys(call, keys, item.kv_head, w);
  for (const auto& run : call.lists->queries_of(item.sequence, key_block)) {
    const int64_t end = std::min<int64_t>(run.end, item.query_end);
    for (int64_t block = std::max<int64_t>(run.begin, item.query_begin); block < end; ++block)
      add_query_block(call, item, block, run.is_partial, key_block, w);
  }
  if (!item.wants_keys) return;
  const int64_t offset = keys.first * g.kv_stride() + item.kv_head * g.head_dim;
  store_rows(w.dk, kStride, keys.count, g.head_dim, call.dk + offset, g.kv_stride());
  store_rows(w.dv, kStride, keys.count, g.head_dim, call.dv + offset, g.kv_stride());
}

template <class T>
void run_item(const Call<T>& call, const Item& item) {
  static thread_local FloatScratch scratch;
  const auto& g = call.geometry;
  Workspace w(scratch, g, item.wants_queries ? item.query_end - item.query_begin : 0);
  if (item.wants_keys)
    for (int64_t block = item.key_begin; block < item.key_end; ++block)
      add_key_block(call, item, block, w);
  else
    for (const auto& run : call.lists->keys_of(item.sequence, item.query_begin))
      for (int64_t block = run.begin; block < run.end; ++block) add_key_block(call, item, block, w);
  if (!item.wants_queries) return;
  for (int64_t block = item.query_begin; block < item.query_end; ++block) {
    const BlockRows queries = rows_of(call.lists->sequences()[item.sequence], block);
    for (int i = 0; i < g.group; ++i) {
      const int64_t slot = (block - item.query_begin) * g.group + i;
      const int64_t head = item.kv_head * g.group + i;
      store_rows(w.dq + slot * kKeyBlock * g.padded, g.padded, queries.count, g.head_dim,
                 call.dq + queries.first * g.q_stride() + head * g.head_dim, g.q_stride());
    }
  }
}

// Multiply-adds of `products` matrix products over `pairs` (query, key) pairs, and a pair's rest.
double cost_of(const AttentionGeometry& g, double pairs, int products) {
  return g.group * pairs * (products * g.head_dim + 32.0) + 2000;
}

double num_pairs(std::span<const BlockRun> runs) {
  double pairs = 0;
  for (const auto& run : runs)
    pairs += (run.end - run.begin) * (run.is_partial ? 0.5 : 1) * kKeyBlock * kKeyBlock;
  return pairs;
}

void add_whole(std::vector<Item>& items, const AttentionGeometry& g, const BlockLists& lists,
               int64_t sequence, int head) {
  const int64_t blocks = num_key_blocks(lists.sequences()[sequence].num_tokens);
  double pairs = 0;
  for (int64_t b = 0; b < blocks; ++b) pairs += num_pairs(lists.keys_of(sequence, b));
  items.push_back({sequence, head, 0, blocks, 0, blocks, true, true, cost_of(g, pairs, 5)});
}

void add_split(std::vector<Item>& items, const AttentionGeometry& g, const BlockLists& lists,
               int64_t sequence, int head) {
  const int64_t blocks = num_key_blocks(lists.sequences()[sequence].num_tokens);
  for (int64_t b = 0; b < blocks; ++b) {
    items.push_back({sequence, head, 0, blocks, b, b + 1, true, false,
                     cost_of(g, num_pairs(lists.queries_of(sequence, b)), 4)});
    items.push_back({sequence, head, b, b + 1, 0, blocks, false, true,
                     cost_of(g, num_pairs(lists.keys_of(sequence, b)), 3)});
  }
}

// The first (sequence, head) pairs are whole items, the last `num_split` are split.
std::vector<Item> list_items(const AttentionGeometry& g, const BlockLists& lists,
                             int64_t num_split) {
  std::vector<Item> items;
  const auto num_pairs = static_cast<int64_t>(lists.sequences().size()) * g.kv_heads;
  for (int64_t pair = 0; pair < num_pairs; ++pair) {
    const bool splits = pair >= num_pairs - num_split;
    (splits ? add_split : add_whole)(items, g, lists, pair / g.kv_heads,
                                     static_cast<int>(pair % g.kv_heads));
  }
  return items;
}

double slowest_thread(const std::vector<Item>& items, int num_threads) {
  std::vector<double> costs;
  for (const Item& item : items) costs.push_back(item.cost);
  return slowest_part(costs, deal(costs, num_threads));
}

// Whole items, or as many split as make the slowest thread finish first.
std::vector<Item> choose_items(const AttentionGeometry& g, const BlockLists& lists,
                               ThreadPool* pool) {
  auto best = list_items(g, lists, 0);
  double total = 0;
  for (const Item& item : best) total += item.cost;
  const int threads = num_parts(pool, total);
  if (threads == 1) return best;
  const auto num_pairs = static_cast<int64_t>(best.size());
  for (const int64_t num_split : {num_pairs % threads, num_pairs}) {
    auto items = list_items(g, lists, num_split);
    if (slowest_thread(items, threads) < slowest_thread(best, threads)) best = std::move(items);
  }
  return best;
}

template <class T>
void run(const KernelArgs& args) {
  const auto& in = args.inputs;
  const auto& out = args.outputs;
  std::optional<BlockLists> own;
  if (!args.context.block_lists) own.emplace(*args.context.pack, false);
  const Call<T> call = {AttentionGeometry(args.attributes),
                        in[0].as<T>(),
                        in[1].as<T>(),
                        in[2].as<T>(),
                        in[3].as<T>(),
                        in[4].as<T>(),
                        in[5].as<float>(),
                        out[0].as<T>(),
                        out[1].as<T>(),
                        out[2].as<T>(),
                        own ? &*own : args.context.block_lists};
  const auto items = choose_items(call.geometry, *call.lists, args.context.pool);
  run_dealt(args.context.pool, items, [&](const Item& item) { run_item(call, item); });
}

}  // namespace

void attention_gradient_cpu(const KernelArgs& args) {
  CHECK(!args.context.cache, args.context.cache);
  CHECK(args.context.pack, args.context.pack);
  const DType dtype = args.inputs[0].dtype;
  CHECK(dtype == DType::f32 || dtype == DType::bf16, name_of(dtype));
  for (const Tensor& input : args.inputs.first(5))
    CHECK(input.dtype == dtype, name_of(input.dtype));
  CHECK(args.inputs[5].dtype == DType::f32, name_of(args.inputs[5].dtype));
  dtype == DType::f32 ? run<float>(args) : run<Bf16>(args);
}

}  // namespace troupe
