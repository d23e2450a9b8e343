// dw += dy^T x, as one more product: dy is turned into rows of token words, x into panels of them.
#include <algorithm>
#include <cstring>

#include "base/error.h"
#include "devices/cpu/thread_pool.h"
#include "kernels/matmul/left_operand.h"
#include "kernels/matmul/matmul.h"
#include "kernels/matmul/product.h"
#include "kernels/matmul/transpose.h"

namespace troupe {
namespace {

constexpr int kBlock = WordBlock::kSize;

// Word `word` of columns [0, count): one token's, or two tokens' side by side; an odd last one
// meets a zero.
void read_word(const float* x, int64_t, int64_t stride, int64_t word, int64_t count, uint32_t* to) {
  std::memcpy(to, x + word * stride, count * sizeof(float));
}
void read_word(const Bf16* x, int64_t num_tokens, int64_t stride, int64_t word, int64_t count,
               uint32_t* to) {
  const Bf16* low = x + 2 * word * stride;
  const Bf16* high = low + stride;
  if (2 * word + 1 == num_tokens) {
    for (int64_t i = 0; i < count; ++i) to[i] = low[i].bits;
  } else {
    for (int64_t i = 0; i < count; ++i)
      to[i] = low[i].bits | static_cast<uint32_t>(high[i].bits) << 16;
  }
}

int64_t row_stride_of(int64_t num_words) {
  // Rows of a multiple of 4 KiB would fall on the same cache sets.
  return (num_words + kBlock - 1) / kBlock * kBlock + kBlock;
}

template <class T>
class Operands {
 public:
  Operands(const T* dy, const T* x, int64_t m, int64_t n, int64_t k)
      : dy_(dy), x_(x), m_(m), n_(n), k_(k), num_words_((m * sizeof(T) + 3) / sizeof(uint32_t)) {
    row_stride_ = row_stride_of(num_words_);
  }

  // Makes rows and panels, in the caller's scratch.
  void pack(ThreadPool& pool, bool alone) {
    static thread_local Buffer rows;
    static thread_local Panels panels;
    rows.at_least(static_cast<size_t>(n_ * row_stride_) * sizeof(uint32_t));
    panels.reshape(num_words_, k_, MemoryClass::scratch);
    rows_ = rows.as<uint32_t>();
    panels_ = &panels;
    const int64_t strips = (n_ + kBlock - 1) / kBlock;
    const auto pack_range = [this, strips](int64_t begin, int64_t end, int) {
      for (int64_t i = begin; i < end; ++i) i < strips ? turn(i * kBlock) : fill_panel(i - strips);
    };
    const int64_t count = strips + panels.num_panels();
    alone ? pack_range(0, count, 0) : pool.parallel(count, pack_range);
  }
  Contraction contraction() const { return {{rows_, row_stride_}, panels_}; }

 private:
  // Sixteen of dy's columns become rows.
  void turn(int64_t column) const {
    const int64_t count = std::min<int64_t>(kBlock, n_ - column);
    for (int64_t word = 0; word < num_words_; word += kBlock) {
      WordBlock block = {};
      for (int64_t i = 0; i < std::min<int64_t>(kBlock, num_words_ - word); ++i)
        read_word(dy_ + column, m_, n_, word + i, count, block.words[i]);
      transpose(block);
      for (int64_t i = 0; i < count; ++i)
        std::memcpy(rows_ + (column + i) * row_stride_ + word, block.words[i],
                    sizeof block.words[i]);
    }
  }
  void fill_panel(int64_t panel) const {
    const int64_t column = panel * kPanelWidth;
    const int64_t count = std::min<int64_t>(kPanelWidth, k_ - column);
    uint32_t* to = panels_->panel(panel);
    for (int64_t word = 0; word < num_words_; ++word, to += kPanelWidth) {
      read_word(x_ + column, m_, k_, word, count, to);
      std::fill(to + count, to + kPanelWidth, 0);
    }
  }

  const T *dy_, *x_;
  int64_t m_, n_, k_, num_words_, row_stride_;
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
  const Product product = {.contractions = {&contraction, 1},
                           .m = n,
                           .n = k,
                           .result = dw,
                           .accumulate = onto == Onto::sum};
  multiply<T>({&product, 1}, pool);
}

}  // namespace

WeightGradientBytes weight_gradient_bytes(int64_t m, int64_t n, int64_t k, DType dtype) {
  const int64_t num_words = (m * static_cast<int64_t>(size_of(dtype)) + 3) / 4;
  return {n * row_stride_of(num_words) * 4, packed_bytes(k, m, dtype)};
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
