#include <algorithm>

#include "base/error.h"
#include "devices/cpu/thread_pool.h"
#include "kernels/matmul/quantized_matmul.h"
#include "kernels/matmul/quantized_tile_cpu.h"

namespace troupe {
namespace {

constexpr int64_t kRowBlock = 64;  // rows whose codes stay in a near cache while panels pass

void store_row(const Tensor& y, int64_t row, int64_t column, Vec sum) {
  const Mask lanes = first_lanes(y.columns() - column);
  const int64_t at = row * y.columns() + column;
  if (y.dtype == DType::f32)
    store(y.as<float>() + at, sum, lanes);
  else
    store(y.as<Bf16>() + at, sum, lanes);
}

template <BlockType kType, int kRows>
void multiply_rows(const uint8_t* panel, const QuantizedRows& x, int64_t row, int64_t column,
                   const Tensor& y) {
  Vec sums[kRows];
  multiply_panel<kType, kRows>(panel, x, row, sums);
  for (int r = 0; r < kRows; ++r) store_row(y, row + r, column, sums[r]);
}

template <BlockType kType>
void multiply_block(const uint8_t* panel, const QuantizedRows& x, int64_t begin, int64_t end,
                    int64_t column, const Tensor& y) {
  int64_t row = begin;
  for (; row + 8 <= end; row += 8) multiply_rows<kType, 8>(panel, x, row, column, y);
  for (; row + 4 <= end; row += 4) multiply_rows<kType, 4>(panel, x, row, column, y);
  for (; row + 2 <= end; row += 2) multiply_rows<kType, 2>(panel, x, row, column, y);
  if (row < end) multiply_rows<kType, 1>(panel, x, row, column, y);
}

using BlockKernel = void (*)(const uint8_t* panel, const QuantizedRows& x, int64_t begin,
                             int64_t end, int64_t column, const Tensor& y);

BlockKernel kernel_of(BlockType type) {
  switch (type) {
    case BlockType::q8_0:
      return multiply_block<BlockType::q8_0>;
    case BlockType::q4_0:
      return multiply_block<BlockType::q4_0>;
    case BlockType::q4_1:
      return multiply_block<BlockType::q4_1>;
    case BlockType::q4_k:
      return multiply_block<BlockType::q4_k>;
    default:
      return multiply_block<BlockType::q6_k>;
  }
}

// Panels [begin, end), counted through all weights, for rows [first_row, last_row).
struct Share {
  int64_t begin, end, first_row, last_row;
};

void multiply_share(const QuantizedRows& x, std::span<const QuantizedWeight* const> ws,
                    std::span<const Tensor> ys, Share share) {
  int64_t first = 0;  // panel of this weight
  for (size_t i = 0; i < ws.size(); first += ws[i++]->num_panels()) {
    const BlockKernel kernel = kernel_of(ws[i]->type());
    const int64_t begin = std::max<int64_t>(share.begin - first, 0);
    const int64_t end = std::min(share.end - first, ws[i]->num_panels());
    for (int64_t panel = begin; panel < end; ++panel)
      kernel(ws[i]->panel(panel), x, share.first_row, share.last_row, panel * kQuantizedPanelWidth,
             ys[i]);
  }
}

void check(const Tensor& x, const QuantizedWeight& w, const Tensor& y) {
  CHECK(x.rows() == y.rows() && x.columns() == w.k() && y.columns() == w.n(), to_string(x.shape),
        to_string(y.shape), w.n(), w.k());
  CHECK(y.dtype == DType::f32 || y.dtype == DType::bf16, name_of(y.dtype));
}

}  // namespace

void matmul_quantized(const Tensor& x, std::span<const QuantizedWeight* const> ws,
                      std::span<const Tensor> ys, ThreadPool& pool) {
  CHECK(!ws.empty() && ws.size() == ys.size(), ws.size(), ys.size());
  int64_t panels = 0;
  for (size_t i = 0; i < ws.size(); ++i) {
    check(x, *ws[i], ys[i]);
    panels += ws[i]->num_panels();
  }
  const QuantizedRows rows = quantized_rows(x, pool);
  const int64_t m = x.rows(), row_blocks = (m + kRowBlock - 1) / kRowBlock;
  pool.parallel(row_blocks * panels, [&](int64_t begin, int64_t end, int) {
    for (int64_t block = begin / panels; block * panels < end; ++block) {
      const int64_t first = block * panels;
      multiply_share(rows, ws, ys,
                     {std::max(begin - first, int64_t{0}), std::min(end - first, panels),
                      block * kRowBlock, std::min(m, (block + 1) * kRowBlock)});
    }
  });
}

}  // namespace troupe
