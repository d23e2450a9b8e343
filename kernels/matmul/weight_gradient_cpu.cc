// dw += dy^T x. Threads own panels of x's columns, pack these themselves (token by token, a few
// hundred at a time), and add onto dw in place; nobody waits for anybody.
#include <algorithm>
#include <cstring>
#include <memory>

#include "base/error.h"
#include "devices/cpu/thread_pool.h"
#include "kernels/matmul/left_operand.h"
#include "kernels/matmul/matmul.h"
#include "kernels/matmul/product.h"

namespace troupe {
namespace {

constexpr int64_t kRowBlock = 192;   // rows of dw, which are columns of dy
constexpr int64_t kWordBlock = 384;  // tokens, or pairs of them, in one pass
constexpr int64_t kPanelGroup = 8;

struct alignas(64) Scratch {
  uint32_t panels[kPanelGroup][kWordBlock * kPanelWidth];
  uint32_t left[kWordBlock * kRowBlock];
};

Scratch& scratch() {
  thread_local const auto scratch = std::make_unique_for_overwrite<Scratch>();
  return *scratch;
}

// `count` columns of all tokens, as words. Bf16 tokens go by pairs; an odd last one meets a zero.
void copy_words(const float* from, int64_t num_tokens, int64_t stride, int64_t count, uint32_t* to,
                int64_t to_stride) {
  for (int64_t token = 0; token < num_tokens; ++token)
    std::memcpy(to + token * to_stride, from + token * stride, count * sizeof(float));
}
void copy_words(const Bf16* from, int64_t num_tokens, int64_t stride, int64_t count, uint32_t* to,
                int64_t to_stride) {
  for (int64_t token = 0; token < num_tokens; token += 2, to += to_stride) {
    const Bf16* low = from + token * stride;
    const Bf16* high = low + stride;
    if (token + 1 == num_tokens) {
      for (int64_t i = 0; i < count; ++i) to[i] = low[i].bits;
    } else {
      for (int64_t i = 0; i < count; ++i)
        to[i] = low[i].bits | static_cast<uint32_t>(high[i].bits) << 16;
    }
  }
}

// Items are (panel of k, block of n), blocks running fastest.
template <class T>
struct Job {
  const T* dy;
  const T* x;
  float* dw;
  int64_t m, n, k, num_blocks;

  int64_t num_panels() const { return (k + kPanelWidth - 1) / kPanelWidth; }
  int64_t num_items() const { return num_panels() * num_blocks; }
  int64_t first_row(int64_t block) const { return block * n / num_blocks; }

  // Whole panels go in groups, so that they share the copies of dy's blocks.
  void run(int64_t begin, int64_t end) const {
    while (begin < end) {
      const int64_t panel = begin / num_blocks, first_block = begin % num_blocks;
      const int64_t whole = first_block == 0 ? (end - begin) / num_blocks : 0;
      const int64_t count = std::clamp<int64_t>(whole, 1, kPanelGroup);
      const int64_t last_block =
          whole > 0 ? num_blocks : std::min(num_blocks, first_block + end - begin);
      run_panels(panel, count, first_block, last_block);
      begin += whole > 0 ? count * num_blocks : last_block - first_block;
    }
  }

  void run_panels(int64_t panel, int64_t count, int64_t first_block, int64_t last_block) const {
    constexpr int64_t kTokens = kWordBlock * sizeof(uint32_t) / sizeof(T);
    for (int64_t token = 0; token < m; token += kTokens) {
      const int64_t num_tokens = std::min(kTokens, m - token);
      const int64_t num_words = (num_tokens * sizeof(T) + 3) / sizeof(uint32_t);
      for (int64_t i = 0; i < count; ++i) {
        const int64_t column = (panel + i) * kPanelWidth;
        copy_words(x + token * k + column, num_tokens, k,
                   std::min<int64_t>(kPanelWidth, k - column), scratch().panels[i], kPanelWidth);
      }
      for (int64_t block = first_block; block < last_block; ++block)
        run_block(panel, count, block, token, num_tokens, num_words);
    }
  }

  void run_block(int64_t panel, int64_t count, int64_t block, int64_t token, int64_t num_tokens,
                 int64_t num_words) const {
    const int64_t begin = first_row(block), num_rows = first_row(block + 1) - begin;
    uint32_t* words = scratch().left;
    copy_words(dy + token * n + begin, num_tokens, n, num_rows, words, kRowBlock);
    const Left left = {words, 1, kRowBlock};
    const int64_t num_tiles = (num_rows + kTileRows - 1) / kTileRows;
    for (int64_t i = 0; i < count; ++i) {
      for (int64_t tile = 0; tile < num_tiles; ++tile) {
        const int64_t row = tile * num_rows / num_tiles, end = (tile + 1) * num_rows / num_tiles;
        run_tiles(left.at(row, 0), begin + row, static_cast<int>(end - row), scratch().panels[i],
                  num_words, (panel + i) * kPanelWidth);
      }
    }
  }

  void run_tiles(Left left, int64_t row, int num_rows, const uint32_t* words, int64_t num_words,
                 int64_t column) const {
    for (int64_t j = 0; j < kPanelWidth && column + j < k; j += kTileColumns) {
      Tile tile = {left, num_rows, words + j, num_words};
      float* out = dw + row * k + column + j;
      tile.sums = {.start = out, .start_stride = k, .result = out, .result_stride = k};
      tile.sums.num_columns = static_cast<int>(std::min<int64_t>(kTileColumns, k - column - j));
      TileSums below = tile.sums;
      below.result = out + num_rows * k;
      prefetch_result(below, num_rows);
      compute_tile<T>(tile);
    }
  }
};

template <class T>
void add_weight_gradient(const Tensor& dy, const Tensor& x, float* dw, ThreadPool& pool) {
  const auto* dy_data = static_cast<const T*>(converted(dy, x.dtype));
  Job<T> job = {dy_data, x.as<T>(), dw, dy.rows(), dy.columns(), x.columns(), 1};
  const double size = static_cast<double>(job.n) * static_cast<double>(job.k);
  const bool alone = !worth_waking(size * static_cast<double>(job.m), 2 * sizeof(float) * size);
  const int num_threads = alone ? 1 : pool.num_threads();
  job.num_blocks = count_row_blocks(job.n, kRowBlock, job.num_panels(), num_threads);
  if (alone) return job.run(0, job.num_items());
  pool.parallel(job.num_items(), [&job](int64_t begin, int64_t end, int) { job.run(begin, end); });
}

}  // namespace

void matmul_weight_gradient(const Tensor& dy, const Tensor& x, float* dw, ThreadPool& pool) {
  CHECK(dy.rows() == x.rows(), to_string(dy.shape), to_string(x.shape));
  CHECK(x.dtype == DType::f32 || x.dtype == DType::bf16, name_of(x.dtype));
  x.dtype == DType::f32 ? add_weight_gradient<float>(dy, x, dw, pool)
                        : add_weight_gradient<Bf16>(dy, x, dw, pool);
}

}  // namespace troupe
