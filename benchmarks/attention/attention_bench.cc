// Times attention, forward and backward: of usual packs against the measured peak of multiply-adds,
// and of a long pack of documents against a dense causal mask, per unmasked (query, key) pair, pair
// of runs after pair of runs.
//
//   attention_bench [threads] [pairs] [packs|decode|documents|all|tiny] [f32|bf16] [tokens]
//
// 9 query and 3 key/value heads of 64, as SmolLM2-135M has. Rates count unmasked pairs only.
#include <time.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <functional>
#include <numeric>
#include <string>
#include <vector>

#include "base/flash_mask_patterns.h"
#include "benchmarks/peak_loop.h"
#include "devices/cpu/thread_pool.h"
#include "kernels/attention/attention.h"
#include "kernels/attention/block_lists.h"
#include "kernels/attention/key_value_cache.h"
#include "kernels/kernel_args.h"

namespace troupe {
namespace {

constexpr int kHeads = 9, kKvHeads = 3, kHeadDim = 64;
constexpr int64_t kQWidth = kHeads * kHeadDim, kKvWidth = kKvHeads * kHeadDim;
// Multiplications and additions of a (query, key) pair of one head.
constexpr double kForwardFlops = 4.0 * kHeadDim, kBackwardFlops = 10.0 * kHeadDim;

double now() {
  timespec time;
  clock_gettime(CLOCK_MONOTONIC, &time);
  return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_nsec) * 1e-9;
}

double time_of(const std::function<void()>& run) {
  const double start = now();
  run();
  return now() - start;
}

struct Spread {
  double low, median, high;

  explicit Spread(std::vector<double> values) {
    std::sort(values.begin(), values.end());
    const size_t last = values.size() - 1;
    low = values[last / 4], median = values[last / 2], high = values[last - last / 4];
  }
};

std::vector<char> random_tensor(int64_t count, DType dtype, uint32_t seed) {
  std::vector<char> bytes(static_cast<size_t>(count) * size_of(dtype));
  uint32_t state = seed;
  for (int64_t i = 0; i < count; ++i) {
    state = state * 1664525 + 1013904223;
    const float x = static_cast<float>(state >> 8) * 0x1p-22f - 2;
    if (dtype == DType::f32) reinterpret_cast<float*>(bytes.data())[i] = x;
    if (dtype == DType::bf16) reinterpret_cast<Bf16*>(bytes.data())[i] = to_bf16(x);
  }
  return bytes;
}

// A pack's tensors, and attention over them.
struct Case {
  Pack pack;
  DType dtype;
  BlockLists lists;
  double pairs = 0;  // unmasked, of one head
  std::vector<char> q, k, v, out, d_out, dq, dk, dv, log_sum_exp;

  Case(Pack p, DType type)
      : pack(std::move(p)),
        dtype(type),
        lists(pack, false),
        q(random_tensor(pack.num_tokens() * kQWidth, type, 1)),
        k(random_tensor(pack.num_tokens() * kKvWidth, type, 2)),
        v(random_tensor(pack.num_tokens() * kKvWidth, type, 3)),
        out(q.size()),
        d_out(random_tensor(pack.num_tokens() * kQWidth, type, 4)),
        dq(q.size()),
        dk(k.size()),
        dv(v.size()),
        log_sum_exp(pack.num_tokens() * kHeads * sizeof(float)) {
    for (int64_t i = 0; i < pack.num_sequences(); ++i) count_pairs(i);
  }

  void forward(ThreadPool& pool) { run(attention, {q, k, v}, {out, log_sum_exp}, pool); }
  void backward(ThreadPool& pool) {
    run(attention_gradient, {d_out, q, k, v, out, log_sum_exp}, {dq, dk, dv}, pool);
  }

 private:
  using Tensors = std::vector<std::reference_wrapper<std::vector<char>>>;

  Tensor tensor(std::vector<char>& bytes) const {
    const int64_t rows = pack.num_tokens();
    if (&bytes == &log_sum_exp) return {bytes.data(), DType::f32, {rows, kHeads}};
    const auto width = static_cast<int64_t>(bytes.size() / size_of(dtype)) / rows;
    return {bytes.data(), dtype, {rows, width}};
  }
  void run(const OpDef& op, const Tensors& from, const Tensors& to, ThreadPool& pool) const {
    Attributes attributes;
    attributes.num_attention_heads = kHeads;
    attributes.num_key_value_heads = kKvHeads;
    attributes.head_dim = kHeadDim;
    std::vector<Tensor> inputs, outputs;
    for (auto& bytes : from) inputs.push_back(tensor(bytes));
    for (auto& bytes : to) outputs.push_back(tensor(bytes));
    op.cpu({inputs, outputs, attributes, {&pool, &pack, nullptr, &lists}});
  }
  void count_pairs(int64_t sequence) {
    const int64_t n = lists.sequences()[sequence].num_tokens;
    for (int64_t first = 0; first < n; first += kKeyBlock) {
      const auto rows = static_cast<int>(std::min<int64_t>(kKeyBlock, n - first));
      for (const auto& run : lists.keys_of(sequence, first / kKeyBlock))
        for (int64_t block = run.begin; block < run.end; ++block) {
          uint64_t seen[kKeyBlock];
          lists.seen_by_rows(sequence, first, rows, block, seen);
          for (int i = 0; i < rows; ++i) pairs += __builtin_popcountll(seen[i]);
        }
    }
  }
};

Pack pack_of(const std::vector<int64_t>& lengths) {
  Pack pack;
  for (const int64_t length : lengths) pack.append(std::vector<int32_t>(length));
  return pack;
}

double peak_flops(DType dtype) {
  double best = 0;
  for (int i = 0; i < 20; ++i) {
    double flops = 0;
    const double seconds = time_of([&] { flops = run_peak_loop(dtype); });
    best = std::max(best, flops / seconds);
  }
  return best;
}

void time_packs(ThreadPool& pool, int rounds, DType dtype,
                const std::vector<std::vector<int64_t>>& packs) {
  const double peak = peak_flops(DType::f32) * pool.num_threads();
  std::printf("peak of f32 multiply-adds, %d threads: %.0f GF/s\n", pool.num_threads(),
              peak * 1e-9);
  for (const auto& lengths : packs) {
    Case pack(pack_of(lengths), dtype);
    std::vector<double> forward, backward;
    for (int i = 0; i < rounds; ++i) {
      const double before = peak_flops(DType::f32) * pool.num_threads();
      const double work = pack.pairs * kHeads;
      forward.push_back(work * kForwardFlops / before / time_of([&] { pack.forward(pool); }));
      backward.push_back(work * kBackwardFlops / before / time_of([&] { pack.backward(pool); }));
    }
    const Spread f(forward), b(backward);
    std::printf(
        "%s %zu x %-4ld share of peak: forward %.2f (%.2f-%.2f), backward %.2f (%.2f-%.2f)\n",
        std::string(name_of(dtype)).c_str(), lengths.size(), lengths[0], f.median, f.low, f.high,
        b.median, b.low, b.high);
  }
}

// One new token of each sequence; layers take turns, so many that keys and values come from memory.
void time_decode(ThreadPool& pool, int rounds, DType dtype, int64_t length) {
  constexpr int64_t kSequences = 64;
  constexpr double kFar = 256e6;
  const auto blocks_each = static_cast<int32_t>(num_key_blocks(length));
  const double bytes = 2.0 * kSequences * kKvWidth * static_cast<double>(size_of(dtype) * length);
  const int layers = std::max(1, static_cast<int>(kFar / bytes));
  KeyValueCache cache(layers, kKvHeads, kHeadDim, dtype, kSequences * blocks_each);
  const auto cache_bytes = cache.bytes_per_block() * cache.num_blocks();
  const auto values = random_tensor(static_cast<int64_t>(cache_bytes / size_of(dtype)), dtype, 5);
  std::copy(values.begin(), values.end(), static_cast<char*>(cache.data(0)));
  CacheView view = {&cache, {}};
  Pack pack;
  pack.sequence_starts = {0};
  for (int64_t i = 0; i < kSequences; ++i) {
    auto& table = view.block_tables.emplace_back();
    for (int32_t block = 0; block < blocks_each; ++block) table.push_back(*cache.allocate());
    pack.token_ids.push_back(0);
    pack.positions.push_back(static_cast<int32_t>(length) - 1);
    pack.sequence_starts.push_back(static_cast<int32_t>(i) + 1);
  }
  auto q = random_tensor(kSequences * kQWidth, dtype, 1), out = q;
  auto k = random_tensor(kSequences * kKvWidth, dtype, 2), v = k;
  std::vector<float> log_sum_exp(kSequences * kHeads);
  const Tensor inputs[] = {{q.data(), dtype, {kSequences, kQWidth}},
                           {k.data(), dtype, {kSequences, kKvWidth}},
                           {v.data(), dtype, {kSequences, kKvWidth}}};
  const Tensor outputs[] = {{out.data(), dtype, {kSequences, kQWidth}},
                            {log_sum_exp.data(), DType::f32, {kSequences, kHeads}}};
  Attributes attributes;
  attributes.num_attention_heads = kHeads;
  attributes.num_key_value_heads = kKvHeads;
  attributes.head_dim = kHeadDim;
  const BlockLists lists(pack, true);
  std::vector<double> seconds;
  for (int i = 0; i < rounds; ++i)
    seconds.push_back(
        time_of([&] {
          for (attributes.layer = 0; attributes.layer < layers; ++attributes.layer)
            attention.cpu({inputs, outputs, attributes, {&pool, &pack, &view, &lists}});
        }) /
        layers);
  const Spread time(seconds);
  std::printf(
      "%s decode, 64 sequences of %ld: %.1f GB/s of keys and values, %.1f us a layer (%.1f-%.1f)\n",
      std::string(name_of(dtype)).c_str(), length, bytes * 1e-9 / time.median, time.median * 1e6,
      time.low * 1e6, time.high * 1e6);
}

// Lengths from 256 to 3840, 2048 in the mean, that fill `tokens`.
std::vector<int64_t> document_lengths(int64_t tokens) {
  std::vector<int64_t> lengths;
  for (uint32_t state = 7; tokens > 0; tokens -= lengths.back()) {
    state = state * 1664525 + 1013904223;
    lengths.push_back(std::min<int64_t>(tokens, 256 + (state >> 8) % 3585));
  }
  return lengths;
}

double seconds_per_pair(Case& pack, ThreadPool& pool) {
  return time_of([&] { pack.forward(pool), pack.backward(pool); }) / pack.pairs;
}

void compare(const char* name, Case& documents, Case& dense, ThreadPool& pool, int rounds) {
  std::vector<double> ratios;
  for (int i = 0; i < rounds; ++i) {
    const double before = seconds_per_pair(dense, pool), there = seconds_per_pair(documents, pool);
    ratios.push_back(2 * there / (before + seconds_per_pair(dense, pool)));
  }
  const Spread ratio(ratios);
  std::printf("%s %s, %zu tokens: %.2f of a dense causal pair's time (%.2f-%.2f)\n",
              std::string(name_of(documents.dtype)).c_str(), name, documents.pack.token_ids.size(),
              ratio.median, ratio.low, ratio.high);
}

void time_documents(ThreadPool& pool, int rounds, DType dtype, int64_t tokens) {
  Case dense(pack_of({std::min<int64_t>(tokens, 8192)}), dtype);
  const auto lengths = document_lengths(tokens);
  {
    Case sequences(pack_of(lengths), dtype);
    compare("documents as sequences", sequences, dense, pool, rounds);
  }
  const auto mask = causal_document_mask(lengths);
  Pack masked;
  masked.append(std::vector<int32_t>(tokens), mask);
  const double seconds = time_of([&] { BlockLists(masked, false); });
  std::printf("block lists of the mask are made in %.1f ms\n", seconds * 1e3);
  Case one_sequence(std::move(masked), dtype);
  compare("documents by mask", one_sequence, dense, pool, rounds);
}

}  // namespace
}  // namespace troupe

int main(int argc, char** argv) {
  const auto argument = [&](int i, const char* otherwise) {
    return std::string(argc > i ? argv[i] : otherwise);
  };
  troupe::ThreadPool pool(std::stoi(argument(1, "2")));
  const int rounds = std::stoi(argument(2, "15"));
  const auto what = argument(3, "all");
  const auto dtype = troupe::dtype_from_name(argument(4, "f32"));
  const bool all = what == "all";
  const auto rows = [](size_t count, int64_t tokens) { return std::vector(count, tokens); };
  if (all || what == "packs")
    troupe::time_packs(pool, rounds, dtype, {rows(4, 256), rows(8, 256), rows(1, 2048)});
  if (what == "tiny") troupe::time_packs(pool, rounds, dtype, {rows(4, 8)});
  if (all || what == "decode")
    for (const int64_t length : {48, 2048}) troupe::time_decode(pool, rounds, dtype, length);
  if (all || what == "documents")
    troupe::time_documents(pool, rounds, dtype, std::stoll(argument(5, "131072")));
}
