#include <limits>
#include <vector>

#include "kernels/loops.h"
#include "kernels/matmul/quantized_rows.h"
#include "kernels/vec_int8.h"

namespace troupe {
namespace {

constexpr int kBlock = 32;

Vec magnitude(Vec v) {
  return max(v, sub(zero(), v));
}

bool is_finite(Vec v) {
  return equal(sub(v, v), zero()) == 0xffff;
}

template <class T>
RowBlock quantize_block(const T* x, int64_t count, int8_t* codes) {
  const Vec low = load(x, first_lanes(count)), high = load(x + kLanes, first_lanes(count - kLanes));
  const float most = reduce_max(max(magnitude(low), magnitude(high)));
  const bool finite = is_finite(low) && is_finite(high);
  const float inverse = finite && most >= 0x1p-100f ? 127 / most : 0;
  const Vec q_low = round_to_even(mul(low, set1(inverse)));
  const Vec q_high = round_to_even(mul(high, set1(inverse)));
  if (inverse == 0) {
    store_int8(codes, zero()), store_int8(codes + kLanes, zero());
    const float scale = finite ? 0 : std::numeric_limits<float>::quiet_NaN();
    return {scale, scale};
  }
  store_int8(codes, q_low), store_int8(codes + kLanes, q_high);
  const float sum_low = reduce_add(q_low), sum_high = reduce_add(q_high);
  const float scale = most / 127;
  return {scale,
          scale * (sum_low + sum_high),
          {-static_cast<int32_t>(sum_low), -static_cast<int32_t>(sum_high)}};
}

}  // namespace

QuantizedRows quantized_rows(const Tensor& x, ThreadPool& pool) {
  thread_local std::vector<int8_t> code_memory;
  thread_local std::vector<RowBlock> block_memory;
  const int64_t columns = x.columns(), num_blocks = (columns + kBlock - 1) / kBlock;
  const auto needed = static_cast<size_t>(x.rows() * num_blocks);
  if (block_memory.size() < needed)
    block_memory.resize(needed), code_memory.resize(needed * kBlock);
  int8_t* codes = code_memory.data();
  RowBlock* blocks = block_memory.data();
  for_float_type(x.dtype, [&](auto zero_of_type) {
    using T = decltype(zero_of_type);
    parallel_for({.pool = &pool}, x.rows(), columns, [&](int64_t begin, int64_t end) {
      for (int64_t i = begin * num_blocks; i < end * num_blocks; ++i) {
        const int64_t row = i / num_blocks, first = i % num_blocks * kBlock;
        blocks[i] =
            quantize_block(x.as<T>() + row * columns + first, columns - first, codes + i * kBlock);
      }
    });
  });
  return {codes, blocks, num_blocks};
}

}  // namespace troupe
