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
#include "kernels/attention/gradient_workspace.h"
#include "kernels/attention/product.h"
#include "kernels/kernel_args.h"
#include "kernels/loops.h"

namespace troupe {
namespace {

template <class T>
struct Call {
  AttentionGeometry geometry;
  const T *d_out, *q, *k, *v, *out;
  const float* log_sum_exp;
  T *dq, *dk, *dv;
  const BlockLists* lists;
  std::vector<float> means;  // d_out[t] . out[t], [tokens][heads]
};

struct Item {
  int64_t sequence;
  int kv_head;
  int64_t query_begin, query_end, key_begin, key_end;  // blocks
  bool wants_keys, wants_queries;                      // dk and dv; dq
  double cost;
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
void store_rows(const float* from, int64_t from_stride, int rows, int count, T* to,
                int64_t to_stride) {
  for (int row = 0; row < rows; ++row)
    for (int d = 0; d < count; d += kLanes)
      store(to + row * to_stride + d, load(from + row * from_stride + d), first_lanes(count - d));
}

template <class T>
void load_keys(const Call<T>& call, const BlockRows& keys, int kv_head, GradientWorkspace& w) {
  const auto& g = call.geometry;
  const int64_t offset = keys.first * g.kv_stride() + kv_head * g.head_dim;
  const T *k = call.k + offset, *v = call.v + offset;
  transpose_words(k, g.kv_stride(), keys.count, g.head_dim, reinterpret_cast<T*>(w.k_columns), 0);
  transpose_words(v, g.kv_stride(), keys.count, g.head_dim, reinterpret_cast<T*>(w.v_columns), 0);
  load_steps(k, g.kv_stride(), keys.count, g.head_dim, w.k);
  for (float* sums : {w.dk, w.dv}) std::memset(sums, 0, keys.count * kStride * sizeof(float));
}

template <class T>
void load_queries(const Call<T>& call, const BlockRows& queries, int head, GradientWorkspace& w) {
  const auto& g = call.geometry;
  const int64_t offset = queries.first * g.q_stride() + head * g.head_dim;
  const T *q = call.q + offset, *d_out = call.d_out + offset;
  load_rows(q, g.q_stride(), queries.count, g.head_dim, w.q);
  load_rows(d_out, g.q_stride(), queries.count, g.head_dim, w.d_out);
  if (kElementsPerWord<T> == 1) return;  // steps are rows
  load_steps(q, g.q_stride(), queries.count, g.head_dim, w.q_steps);
  load_steps(d_out, g.q_stride(), queries.count, g.head_dim, w.d_out_steps);
}

// Which rows of a query block see which keys of a key block; null masks: all of them.
struct Pair {
  Steps keys, rows;     // of each row, of each key
  int64_t keys_before;  // the first row's position, counted from the key block's first
};

// Products of the rows with the key block become p and ds.
template <class T>
void weigh_rows(const Call<T>& call, const BlockRows& queries, int head, int num_keys,
                const Pair& pair, GradientWorkspace& w) {
  const auto& g = call.geometry;
  for (int row = 0; row < queries.count; row += 2) {
    const int last = std::min(row + 1, queries.count - 1);
    const auto index = [&](int r) { return (queries.first + r) * g.heads + head; };
    const RowScores even_scores(g, head, pair.keys_before + row);
    const RowScores odd_scores(g, head, pair.keys_before + last);
    const RowWeights even(g, even_scores, pair.keys.of_row(row), call.log_sum_exp[index(row)],
                          call.means[index(row)]);
    const RowWeights odd(g, odd_scores, last > row ? pair.keys.of_row(last) : 0,
                         call.log_sum_exp[index(last)], call.means[index(last)]);
    const int64_t at = row * kStride, next = last * kStride;
    constexpr int kElements = kElementsPerWord<T>;
    for (int key = 0; key < num_keys; key += kLanes) {
      Vec p[2], ds[2];
      even.weigh(key, load(w.p + at + key), load(w.ds + at + key), p[0], ds[0]);
      odd.weigh(key, load(w.p + next + key), load(w.ds + next + key), p[1], ds[1]);
      store_steps(w.p_steps + at / kElements + key, p[0], p[1], T{});
      store_steps(w.ds_steps + at / kElements + key, ds[0], ds[1], T{});
      if (kElements == 1) continue;  // rows are steps
      store(reinterpret_cast<T*>(w.ds + at) + key, ds[0]);
      if (last > row) store(reinterpret_cast<T*>(w.ds + next) + key, ds[1]);
    }
  }
}

// to[key] += sum over rows of a[row][key] * b[row], for rows that see the key.
template <class T>
void add_over_rows(const float* a, const float* b, float* to, int num_keys, const Steps& rows,
                   int vecs) {
  multiply<Side::kColumns, Start::kStored, T>({a, b, kStride, to}, num_keys, vecs, rows);
}

template <class T>
void add_pair(const Call<T>& call, const Item& item, const BlockRows& queries, int head,
              int num_keys, const Pair& pair, GradientWorkspace& w, float* dq) {
  const auto& g = call.geometry;
  multiply_scores<T>(w.q, w.k_columns, w.p, queries.count, g.head_dim, pair.keys);
  multiply_scores<T>(w.d_out, w.v_columns, w.ds, queries.count, g.head_dim, pair.keys);
  weigh_rows(call, queries, head, num_keys, pair, w);
  const bool is_float = kElementsPerWord<T> == 1;
  const int vecs = num_vecs(g.head_dim);
  if (item.wants_keys) {
    add_over_rows<T>(w.p_steps, is_float ? w.d_out : w.d_out_steps, w.dv, num_keys, pair.rows,
                     vecs);
    add_over_rows<T>(w.ds_steps, is_float ? w.q : w.q_steps, w.dk, num_keys, pair.rows, vecs);
  }
  if (item.wants_queries)
    multiply<Side::kRows, Start::kStored, T>(
        {is_float ? w.ds_steps : w.ds, w.k, kStride, dq, g.padded}, queries.count, vecs, pair.keys);
}

// Adds what the query block's rows, of all heads of the group, make of the loaded key block.
template <class T>
void add_query_block(const Call<T>& call, const Item& item, int64_t block, bool is_partial,
                     int64_t key_block, GradientWorkspace& w) {
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
    add_pair(call, item, queries, head, keys.count, pair, w, w.dq + slot * kKeyBlock * g.padded);
  }
}

template <class T>
void add_key_block(const Call<T>& call, const Item& item, int64_t key_block, GradientWorkspace& w) {
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
  GradientWorkspace w(scratch, g, item.wants_queries ? item.query_end - item.query_begin : 0);
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
std::vector<float> means_of(const Call<T>& call, const KernelContext& context) {
  const auto& g = call.geometry;
  const int64_t tokens = context.pack->num_tokens();
  std::vector<float> means(tokens * g.heads);
  parallel_for(context, tokens, g.q_stride(), [&](int64_t begin, int64_t end) {
    for (int64_t i = begin * g.heads; i < end * g.heads; ++i) {
      Vec mean = zero();
      for_vectors(i * g.head_dim, (i + 1) * g.head_dim, [&](int64_t d, auto lanes) {
        mean = fma(load(call.d_out + d, lanes), load(call.out + d, lanes), mean);
      });
      means[i] = reduce_add(mean);
    }
  });
  return means;
}

template <class T>
void run(const KernelArgs& args) {
  const auto& in = args.inputs;
  const auto& out = args.outputs;
  std::optional<BlockLists> own;
  if (!args.context.block_lists) own.emplace(*args.context.pack, false);
  Call<T> call = {AttentionGeometry(args.attributes),
                  in[0].as<T>(),
                  in[1].as<T>(),
                  in[2].as<T>(),
                  in[3].as<T>(),
                  in[4].as<T>(),
                  in[5].as<float>(),
                  out[0].as<T>(),
                  out[1].as<T>(),
                  out[2].as<T>(),
                  own ? &*own : args.context.block_lists,
                  {}};
  call.means = means_of(call, args.context);
  const auto items = choose_items(call.geometry, *call.lists, args.context.pool);
  run_dealt(args.context.pool, std::span<const Item>(items), [&](std::span<const Item> share) {
    for (const Item& item : share) run_item(call, item);
    release_product_tiles();
  });
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
