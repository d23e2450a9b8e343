// The innermost loop of products with quantised weights: a few rows by one panel of 16 columns.
// Each output is one lane of one f32 sum over blocks in ascending order: of a block first scale
// times the exact integer dot product, then the minimum times the row's sum. For *_cpu.cc files.
#pragma once

#include "kernels/matmul/quantized_layout.h"
#include "kernels/matmul/quantized_rows.h"
#include "kernels/vec_int8.h"

namespace troupe {

// The eight quads of a block, one byte a code.
template <int kCodeBits>
inline void unpack_codes(const uint8_t* codes, Ints (&quads)[kQuadsPerBlock]) {
  if constexpr (kCodeBits == 8) {
    for (int i = 0; i < kQuadsPerBlock; ++i) quads[i] = load_bytes(codes + i * 64);
    return;
  }
  const Ints low = ints_set1(0x0f0f0f0f);
  for (int i = 0; i < 4; ++i) {
    const Ints pairs = load_bytes(codes + i * 64);
    quads[i] = bit_and(pairs, low);
    quads[i + 4] = bit_and(shift_right<4>(pairs), low);
  }
  if constexpr (kCodeBits == 6) {
    const Ints high = ints_set1(0x30303030);
    for (int half = 0; half < 2; ++half) {
      const Ints bits = load_bytes(codes + 256 + half * 64);
      Ints* to = quads + half * 4;
      to[0] = bit_or(to[0], bit_and(shift_left<4>(bits), high));
      to[1] = bit_or(to[1], bit_and(shift_left<2>(bits), high));
      to[2] = bit_or(to[2], bit_and(bits, high));
      to[3] = bit_or(to[3], bit_and(shift_right<2>(bits), high));
    }
  }
}

struct BlockScales {
  Vec scale, other;  // other: the minimum, or the scale of the block's second half
};

template <BlockType kType>
inline BlockScales block_scales(const uint8_t* shared, const uint8_t* scales) {
  constexpr int kHalves = 2 * kQuantizedPanelWidth, kBytes = kQuantizedPanelWidth;
  if constexpr (kType == BlockType::q4_1)
    return {load_halves(scales), load_halves(scales + kHalves)};
  if constexpr (kType == BlockType::q4_k)
    return {mul(load_halves(shared), load_uint8(scales)),
            mul(load_halves(shared + kHalves), load_uint8(scales + kBytes))};
  if constexpr (kType == BlockType::q6_k) {
    const Vec scale = load_halves(shared);
    return {mul(scale, load_int8(scales)), mul(scale, load_int8(scales + kBytes))};
  }
  const Vec scale = load_halves(scales);
  return {scale, scale};
}

// Four codes of a row that follow each other, for all columns.
inline Ints four_codes(const int8_t* codes) {
  int32_t four;
  __builtin_memcpy(&four, codes, sizeof four);
  return ints_set1(four);
}

// Quads [kFirst, kLast) against one row.
template <BlockType kType, int kFirst, int kLast>
inline Vec dot(const Ints (&quads)[kQuadsPerBlock], const int8_t* codes, int32_t minus_sum) {
  constexpr bool kSigned = kType == BlockType::q8_0;
  constexpr int kOffset = kType == BlockType::q4_0 ? 8 : kType == BlockType::q6_k ? 32 : 0;
  Ints sum = kSigned ? start_signed(minus_sum)
                     : (kOffset == 0 ? ints_zero() : ints_set1(kOffset * minus_sum));
#pragma GCC unroll 8
  for (int i = kFirst; i < kLast; ++i)
    sum = kSigned ? dot_signed(sum, quads[i], four_codes(codes + 4 * i))
                  : dot_small(sum, quads[i], four_codes(codes + 4 * i));
  return to_floats(sum);
}

template <BlockType kType>
inline Vec add_block(const Ints (&quads)[kQuadsPerBlock], const BlockScales& scales,
                     const int8_t* codes, const RowBlock& x, Vec sum) {
  const Vec row_scale = set1(x.scale);
  if constexpr (kType == BlockType::q6_k) {
    sum = fma(mul(scales.scale, dot<kType, 0, 4>(quads, codes, x.minus_sums[0])), row_scale, sum);
    return fma(mul(scales.other, dot<kType, 4, 8>(quads, codes, x.minus_sums[1])), row_scale, sum);
  }
  const int32_t minus_sum = x.minus_sums[0] + x.minus_sums[1];
  sum = fma(mul(scales.scale, dot<kType, 0, 8>(quads, codes, minus_sum)), row_scale, sum);
  if constexpr (kType == BlockType::q4_1) return fma(scales.other, set1(x.scaled_sum), sum);
  if constexpr (kType == BlockType::q4_k) return fnma(scales.other, set1(x.scaled_sum), sum);
  return sum;
}

// With few rows the panel comes from memory, and what loads in flight fetch is not enough.
template <int kBytes>
inline void prefetch(const uint8_t* from) {
  constexpr int kAhead = 4096;
#pragma GCC unroll 8
  for (int at = 0; at < kBytes; at += 64) __builtin_prefetch(from + kAhead + at);
}

// sums[r] = row `row + r` of x times the panel.
template <BlockType kType, int kRows>
inline void multiply_panel(const uint8_t* panel, const QuantizedRows& x, int64_t row,
                           Vec (&sums)[kRows]) {
  constexpr QuantizedLayout kLayout = quantized_layout(kType);
  const uint8_t* codes = panel + kLayout.codes_at(x.num_blocks);
  const int8_t* row_codes[kRows];
  const RowBlock* row_blocks[kRows];
  for (int r = 0; r < kRows; ++r) {
    row_codes[r] = x.codes_of(row + r), row_blocks[r] = x.blocks_of(row + r);
    sums[r] = zero();
  }
  for (int64_t block = 0; block < x.num_blocks; ++block) {
    if constexpr (kRows <= 2) prefetch<kLayout.code_bytes()>(codes + block * kLayout.code_bytes());
    Ints quads[kQuadsPerBlock];
    unpack_codes<kLayout.code_bits>(codes + block * kLayout.code_bytes(), quads);
    const BlockScales scales =
        block_scales<kType>(panel + kLayout.shared_at(block), panel + kLayout.scales_at(block));
#pragma GCC unroll 8
    for (int r = 0; r < kRows; ++r)
      sums[r] =
          add_block<kType>(quads, scales, row_codes[r] + block * 32, row_blocks[r][block], sums[r]);
  }
}

}  // namespace troupe
