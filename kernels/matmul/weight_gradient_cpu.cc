// dw += dy^T x, as one more product: x is laid out as panels of token words, and so is dy, in
// strips as wide as tiles are high; where tiles are of fixed size it is turned into rows.
#include <algorithm>
#include <cstring>

#include "base/error.h"
#include "devices/cpu/thread_pool.h"
#include "kernels/matmul/left_operand.h"
#include "kernels/matmul/matmul.h"
#include "kernels/matmul/product.h"
#include "kernels/matmul/tile_rows.h"
#include "kernels/matmul/transpose.h"

namespace troupe {
namespace {

constexpr int kBlock = WordBlock::kSize;

using Words = uint32_t __attribute__((vector_size(4 * kBlock)));
using Halves = uint16_t __attribute__((vector_size(2 * kBlock)));

template <class To, class From>
To vector_at(const From* from) {
  To vector;
  std::memcpy(&vector, from, sizeof vector);
  return vector;
}

// Word `word` of columns [0, kBlock): one token's, or two tokens' side by side; an odd last one
// meets a zero.
void read_words(const float* x, int64_t, int64_t stride, int64_t word, uint32_t* to) {
  std::memcpy(to, x + word * stride, sizeof(Words));
}
void read_words(const Bf16* x, int64_t num_tokens, int64_t stride, int64_t word, uint32_t* to) {
  const Bf16* low = x + 2 * word * stride;
  auto words = __builtin_convertvector(vector_at<Halves>(low), Words);
  if (2 * word + 1 < num_tokens)
    words |= __builtin_convertvector(vector_at<Halves>(low + stride), Words) << 16;
  std::memcpy(to, &words, sizeof words);
}
// The same of columns [0, count), fewer than kBlock; the others' words are zero.
template <class T>
void read_words(const T* x, int64_t num_tokens, int64_t stride, int64_t word, int64_t count,
                uint32_t* to) {
  constexpr int kElements = sizeof(uint32_t) / sizeof(T);
  T block[kElements * kBlock] = {};
  for (int i = 0; i < kElements && kElements * word + i < num_tokens; ++i)
    std::memcpy(block + i * kBlock, x + (kElements * word + i) * stride, count * sizeof(T));
  read_words(block, kElements, kBlock, 0, to);
}

// Rows a few cache lines more or less than a multiple of 4 KiB apart would crowd a tile's rows into
// a part of the first-level cache's 64 sets, so that the panels beside them evict them.
int64_t row_stride_of(int64_t num_words) {
  constexpr int64_t kSets = 64, kNearest = 6, kFarthest = 26;
  int64_t lines = (num_words + kBlock - 1) / kBlock;
  const auto is_even = [](int64_t apart) {
    const int64_t distance = apart % (kSets / 2);  // from 0 or 32 sets
    return distance >= kNearest && distance <= kFarthest;
  };
  while (!is_even(lines)) ++lines;
  return lines * kBlock;
}

// That dy takes.
template <class T>
int64_t num_left_words(int64_t n, int64_t num_words) {
  return kHasFixedTiles<T> ? n * row_stride_of(num_words)
                           : count_tiles<T>(n, 1) * num_words * kStripWidth;
}

template <class T>
class Operands {
 public:
  Operands(const T* dy, const T* x, int64_t m, int64_t n, int64_t k)
      : dy_(dy), x_(x), m_(m), n_(n), k_(k), num_words_((m * sizeof(T) + 3) / sizeof(uint32_t)) {}

  // Makes rows and panels, in the caller's scratch.
  void pack(ThreadPool& pool, bool alone) {
    static thread_local Buffer rows;
    static thread_local Panels panels;
    rows.at_least(static_cast<size_t>(num_left_words<T>(n_, num_words_)) * sizeof(uint32_t));
    panels.reshape(num_words_, k_, MemoryClass::scratch);
    rows_ = rows.as<uint32_t>();
    panels_ = &panels;
    const int64_t strips = num_strips();
    const auto pack_range = [this, strips](int64_t begin, int64_t end, int) {
      for (int64_t i = begin; i < end; ++i) i < strips ? pack_strip(i) : pack_panel(i - strips);
    };
    const int64_t count = strips + panels.num_panels();
    alone ? pack_range(0, count, 0) : pool.parallel(count, pack_range);
  }
  Contraction contraction() const {
    if (kHasFixedTiles<T>) return {{rows_, row_stride_of(num_words_)}, panels_};
    return {{rows_, 1, kStripWidth}, panels_, strip_size()};
  }

 private:
  // Of dy's columns: as many as a tile has rows, or sixteen that are turned.
  int64_t num_strips() const {
    return kHasFixedTiles<T> ? (n_ + kBlock - 1) / kBlock : count_tiles<T>(n_, 1);
  }
  int64_t strip_size() const { return num_words_ * kStripWidth; }

  void pack_strip(int64_t strip) const {
    if (kHasFixedTiles<T>) return turn(strip * kBlock);
    const int64_t column = tile_begin<T>(strip, num_strips(), n_);
    fill(dy_ + column, n_, n_ - column, kStripWidth, rows_ + strip * strip_size());
  }
  // Sixteen of dy's columns become rows.
  void turn(int64_t column) const {
    const int64_t count = std::min<int64_t>(kBlock, n_ - column);
    const int64_t row_stride = row_stride_of(num_words_);
    for (int64_t word = 0; word < num_words_; word += kBlock) {
      WordBlock block = {};
      for (int64_t i = 0; i < std::min<int64_t>(kBlock, num_words_ - word); ++i)
        read(dy_ + column, n_, word + i, count, block.words[i]);
      transpose(block);
      for (int64_t i = 0; i < count; ++i)
        std::memcpy(rows_ + (column + i) * row_stride + word, block.words[i],
                    sizeof block.words[i]);
    }
  }
  void pack_panel(int64_t panel) const {
    const int64_t column = panel * kPanelWidth;
    fill(x_ + column, k_, k_ - column, kPanelWidth, panels_->panel(panel));
  }
  // `width` columns, of which `count` or fewer are there, word after word.
  void fill(const T* from, int64_t stride, int64_t count, int64_t width, uint32_t* to) const {
    for (int64_t word = 0; word < num_words_; ++word, to += width)
      for (int64_t part = 0; part < width; part += kBlock)
        read(from + part, stride, word, std::max<int64_t>(count - part, 0), to + part);
  }
  void read(const T* from, int64_t stride, int64_t word, int64_t count, uint32_t* to) const {
    count >= kBlock ? read_words(from, m_, stride, word, to)
                    : read_words(from, m_, stride, word, count, to);
  }

  const T *dy_, *x_;
  int64_t m_, n_, k_, num_words_;
  uint32_t* rows_ = nullptr;
  Panels* panels_ = nullptr;
};

template <class T>
void add_weight_gradient(const Tensor& dy, const Tensor& x, float* dw, ThreadPool& pool,
                         Onto onto) {
  const auto* dy_data = static_cast<const T*>(converted(dy, x.dtype));
  const int64_t m = dy.rows(), n = dy.columns(), k = x.columns();
  const double size = static_cast<double>(n) * static_cast<double>(k);
  const bool alone = !worth_waking(size * static_cast<double>(m), 2 * sizeof(float) * size);
  Operands<T> operands(dy_data, x.as<T>(), m, n, k);
  operands.pack(pool, alone);
  const Contraction contraction = operands.contraction();
  const Product product = {
      .contractions = {&contraction, 1}, .n = k, .result = dw, .accumulate = onto == Onto::sum};
  const RowRange all = {0, n};
  multiply<T>({&product, 1}, {&all, 1}, pool);
}

}  // namespace

WeightGradientBytes weight_gradient_bytes(int64_t m, int64_t n, int64_t k, DType dtype) {
  const int64_t num_words = (m * static_cast<int64_t>(size_of(dtype)) + 3) / 4;
  const int64_t left = dtype == DType::f32 ? num_left_words<float>(n, num_words)
                                           : num_left_words<Bf16>(n, num_words);
  return {left * 4, packed_bytes(k, m, dtype)};
}

void matmul_weight_gradient(const Tensor& dy, const Tensor& x, float* dw, ThreadPool& pool,
                            Onto onto) {
  CHECK(dy.rows() == x.rows(), to_string(dy.shape), to_string(x.shape));
  CHECK(x.dtype == DType::f32 || x.dtype == DType::bf16, name_of(x.dtype));
  if (x.rows() == 0) {
    if (onto == Onto::nothing) std::fill_n(dw, dy.columns() * x.columns(), 0.0f);
    return;
  }
  x.dtype == DType::f32 ? add_weight_gradient<float>(dy, x, dw, pool, onto)
                        : add_weight_gradient<Bf16>(dy, x, dw, pool, onto);
}

}  // namespace troupe
