// Matrix products above the tile: blocks that fit the caches, slices added as a tree, threads.
#pragma once

#include <cstdint>
#include <span>

#include "base/repeated_rows.h"
#include "kernels/matmul/fused.h"
#include "kernels/matmul/tile.h"

namespace troupe {

class ThreadPool;

inline constexpr int kMaxSlices = 255;
inline constexpr int kMaxParts = 8;  // contractions of a product, products at a time

// One contraction of a sum: A[m][words] times panels[words][n].
struct Contraction {
  Left left;
  const Panels* panels = nullptr;
  // In words, where left has a strip for each tile that cut_into_tiles(rows, 1) makes, and is
  // itself the first.
  int64_t strip_size = 0;

  Left strip(int64_t tile) const {
    return {left.words + tile * strip_size, left.row_stride, left.word_stride};
  }
};

// result[rows][n] = the sum over all contractions. With slices, each contraction's words are cut
// into num_slices equal parts; slice s is part s of every contraction in turn, in one accumulator;
// then slices are added as a binary counter, leftovers folded smallest first.
struct Product {
  std::span<const Contraction> contractions;
  int64_t n = 0;
  int num_slices = 1;
  void* result = nullptr;
  bool round_to_bf16 = false;   // result is Bf16, else float
  bool accumulate = false;      // sums start from what result (float, one slice) holds
  const float* bias = nullptr;  // [n], added to the result once that is rounded, and rounded again
  const void* residual = nullptr;  // [rows][n] of the result's type, added after that likewise
  // [rows][n], of the result's type: SwiGLU of two results of one n, the product's before this one
  // and this one's. The two are computed together, a block of one and then of the other.
  void* gated = nullptr;
};

// The rows named, of all of the products; threads share out their work together. T: the elements
// that words hold. With `make_row` it makes the left operand's rows, of which there is one then.
// Thread-safe; bits depend on nothing but the operands.
template <class T>
void multiply(std::span<const Product> products, std::span<const RowRange> rows, ThreadPool& pool,
              const MakeRow& make_row = {});

extern template void multiply<float>(std::span<const Product>, std::span<const RowRange>,
                                     ThreadPool&, const MakeRow&);
extern template void multiply<Bf16>(std::span<const Product>, std::span<const RowRange>,
                                    ThreadPool&, const MakeRow&);

// Whether work of so many multiply-adds and bytes read is worth waking other threads for.
bool worth_waking(double multiply_adds, double bytes);

}  // namespace troupe
