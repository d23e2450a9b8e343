// How element-wise kernels walk: over element types, rows, vectors of a row, and in sums whose
// order is a function of the row's length alone.
#pragma once

#include <algorithm>

#include "base/error.h"
#include "devices/cpu/thread_pool.h"
#include "kernels/kernel_args.h"
#include "kernels/vec.h"

namespace troupe {

// Calls body(float{}) or body(Bf16{}): what activations are made of.
template <class Body>
void for_float_type(DType dtype, Body&& body) {
  if (dtype == DType::f32) return body(float{});
  CHECK(dtype == DType::bf16, name_of(dtype));
  body(Bf16{});
}

// Below this many elements a wake-up of the other threads costs more than it saves.
inline constexpr int64_t kWorthWaking = int64_t{1} << 14;

// body(begin, end) over [0, count), on all threads where the work is worth it.
template <class Body>
void parallel_for(const KernelContext& context, int64_t count, int64_t elements_each, Body&& body) {
  if (!context.pool || count * elements_each < kWorthWaking) return body(int64_t{0}, count);
  context.pool->parallel(count, [&](int64_t begin, int64_t end, int) { body(begin, end); });
}

// Stands for a mask with every bit set, where that is known to the compiler.
struct AllLanes {};
template <class T>
Vec load(const T* p, AllLanes) {
  return load(p);
}
template <class T>
void store(T* p, Vec v, AllLanes) {
  store(p, v);
}
// Zero in the lanes that do not take part.
inline Vec keep(Vec v, AllLanes) {
  return v;
}
inline Vec keep(Vec v, Mask lanes) {
  return select(lanes, v, zero());
}

// body(i, lanes) for each vector of [begin, end); the last is masked.
template <class Body>
void for_vectors(int64_t begin, int64_t end, Body&& body) {
  int64_t i = begin;
  for (; i + kLanes <= end; i += kLanes) body(i, AllLanes{});
  if (i < end) body(i, first_lanes(end - i));
}

// The fold of a row: four vectors take turns, then are added as a tree, then their lanes are.
// step(i, lanes, sum) returns the new sum.
template <class Step>
float sum_row(int64_t count, Step&& step) {
  constexpr int kVectors = 4;
  Vec s[kVectors] = {zero(), zero(), zero(), zero()};
  int64_t i = 0;
  for (; i + kVectors * kLanes <= count; i += kVectors * kLanes)
#pragma GCC unroll 4
    for (int v = 0; v < kVectors; ++v) s[v] = step(i + v * kLanes, AllLanes{}, s[v]);
#pragma GCC unroll 4
  for (int v = 0; v < kVectors; ++v)
    if (const int64_t at = i + v * kLanes; at < count)
      s[v] = step(at, first_lanes(count - at), s[v]);
  return reduce_add(add(add(s[0], s[1]), add(s[2], s[3])));
}

// Adds rows 0, 1, ... onto `gradient` [columns], each element in row order. term(row, column,
// lanes, sum) returns the new sum. Threads share out the columns.
template <class Term>
void add_in_token_order(const KernelContext& context, int64_t rows, int64_t columns,
                        float* gradient, Term&& term) {
  const int64_t vectors = (columns + kLanes - 1) / kLanes;
  parallel_for(context, vectors, rows * kLanes, [&](int64_t first, int64_t last) {
    for_vectors(first * kLanes, std::min(last * kLanes, columns), [&](int64_t column, auto lanes) {
      Vec sum = load(gradient + column, lanes);
      for (int64_t row = 0; row < rows; ++row) sum = term(row, column, lanes, sum);
      store(gradient + column, sum, lanes);
    });
  });
}

// The same, as gradients of norms and biases are summed: eight equal ranges of the pack's tokens,
// each from zero in token order, combine as a tree; the total is added onto `gradient`. Where
// attributes.num_shards > 1, rows are one part of the pack's tokens, and `gradient` becomes the sum
// of its ranges.
template <class Term>
void add_token_tree(const KernelArgs& args, int64_t rows, int64_t columns, float* gradient,
                    Term&& term) {
  constexpr int kRanges = 8;
  const int num_shards = args.attributes.num_shards, shard = args.attributes.shard;
  CHECK(kRanges % num_shards == 0, num_shards);
  const int num_ranges = kRanges / num_shards;
  const int64_t tokens = num_shards == 1 ? rows : args.context.pack->num_tokens();
  const int64_t before = shard_border(tokens, shard, num_shards);
  CHECK(shard_border(tokens, shard + 1, num_shards) - before == rows, tokens, shard, rows);
  const auto border = [=](int range) {
    return (shard * num_ranges + range) * tokens / kRanges - before;
  };
  const int64_t vectors = (columns + kLanes - 1) / kLanes;
  parallel_for(args.context, vectors, rows * kLanes, [&](int64_t first, int64_t last) {
    for_vectors(first * kLanes, std::min(last * kLanes, columns), [&](int64_t column, auto lanes) {
      Vec part[kRanges];
      for (int range = 0; range < num_ranges; ++range) {
        part[range] = zero();
        for (int64_t row = border(range); row < border(range + 1); ++row)
          part[range] = term(row, column, lanes, part[range]);
      }
      for (int step = 1; step < num_ranges; step *= 2)
        for (int i = 0; i < num_ranges; i += 2 * step) part[i] = add(part[i], part[i + step]);
      const Vec sum = num_shards > 1 ? part[0] : add(load(gradient + column, lanes), part[0]);
      store(gradient + column, sum, lanes);
    });
  });
}

}  // namespace troupe
