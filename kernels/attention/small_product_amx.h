// Small products of Bf16 by AMX's tiles, in the order of matmul/tile_amx.h.
//
// All rows sum over all elements up to the last that one of them sees: what a row does not see has
// a zero in a, and a zero in b too where b holds a NaN or an infinity. Rows that see nothing are
// left as they are. So a row's bits depend on neither its neighbours nor on what it does not see,
// but for the sign of a zero: a sum that was rounded to minus zero may become zero.
#pragma once

#include <algorithm>
#include <cstring>

#include "kernels/attention/small_product.h"
#include "kernels/matmul/tile_amx.h"

namespace troupe {

// c of up to 32 rows and two vectors, over `words` words, 16 or fewer at a time.
template <bool kTwoRows, bool kTwoColumns>
void add_amx_tile(const SmallProduct& p, bool starts_at_zero, int words, int words_each) {
  using Registers = AmxTile<kTwoRows, kTwoColumns>;
  constexpr int64_t kWord = sizeof(uint32_t);
  starts_at_zero ? Registers::zero() : Registers::load(p.c, p.c_stride);
  for (int word = 0; word < words; word += words_each) {
    const float *a = p.a + word, *b = p.b + word * p.b_stride;
    _tile_loadd(6, b, p.b_stride * kWord);
    if (kTwoColumns) _tile_loadd(7, b + kLanes, p.b_stride * kWord);
    _tile_loadd(4, a, kStride * kWord);
    _tile_dpbf16ps(0, 4, 6);
    if (kTwoColumns) _tile_dpbf16ps(1, 4, 7);
    if (kTwoRows) {
      _tile_loadd(5, a + kAmxRows * kStride, kStride * kWord);
      _tile_dpbf16ps(2, 5, 6);
      if (kTwoColumns) _tile_dpbf16ps(3, 5, 7);
    }
  }
  Registers::store(p.c, p.c_stride);
}

// All of c, over words that are `words_each` or a multiple of it.
inline void add_amx_words(const SmallProduct& p, bool starts_at_zero, int num_rows, int num_vecs,
                          int words, int words_each) {
  constexpr int kBoth = 2 * kAmxRows;
  for (int row = 0; row < num_rows; row += kBoth) {
    const int left = num_rows - row;
    const bool two_rows = left > kAmxRows;
    AmxShape{{std::min(left, kAmxRows), two_rows ? std::min(left - kAmxRows, kAmxRows) : 0},
             words_each}
        .use();
    for (int v = 0; v < num_vecs; v += 2) {
      const SmallProduct part = {p.a + row * kStride, p.b + v * kLanes, p.b_stride,
                                 p.c + row * p.c_stride + v * kLanes, p.c_stride};
      const bool two_columns = v + 1 < num_vecs;
      const auto add = two_rows
                           ? (two_columns ? add_amx_tile<true, true> : add_amx_tile<true, false>)
                       : two_columns ? add_amx_tile<false, true>
                                     : add_amx_tile<false, false>;
      add(part, starts_at_zero, words, words_each);
    }
  }
}

inline void add_amx(SmallProduct p, bool starts_at_zero, int num_rows, int num_vecs, int words) {
  const int whole = words / kAmxWords * kAmxWords;
  if (whole > 0) add_amx_words(p, starts_at_zero, num_rows, num_vecs, whole, kAmxWords);
  if (whole == words) return;
  p.a += whole, p.b += whole * p.b_stride;
  add_amx_words(p, starts_at_zero && whole == 0, num_rows, num_vecs, words - whole, words - whole);
}

inline bool is_finite(const SmallProduct& p, int num_vecs, int words) {
  const __m512i low = _mm512_set1_epi32(0x7f80), high = _mm512_set1_epi32(0x7f800000);
  __mmask16 found = 0;
  for (int word = 0; word < words; ++word)
    for (int v = 0; v < num_vecs; ++v) {
      const __m512i x = _mm512_loadu_si512(p.b + word * p.b_stride + v * kLanes);
      found |= _mm512_cmpeq_epi32_mask(_mm512_and_si512(x, low), low) |
               _mm512_cmpeq_epi32_mask(_mm512_and_si512(x, high), high);
    }
  return found == 0;
}

// A row of c, over a copy of b without what the row does not see.
inline void add_amx_row(SmallProduct p, int num_vecs, int words, uint64_t seen) {
  alignas(64) float b[kKeyBlock / 2 * kStride];
  for (int word = 0; word < words; ++word) {
    const uint64_t part = seen >> (2 * word) & 3;
    for (int64_t column = 0; column < num_vecs * kLanes; column += kLanes)
      store(b + word * kStride + column,
            part == 0 ? zero() : seen_part<Bf16>(load(p.b + word * p.b_stride + column), part));
  }
  p.b = b, p.b_stride = kStride;
  add_amx(p, false, 1, num_vecs, words);
}

// The words up to the last that any row sees, in whole tiles: adding more would add zeros.
inline int seen_words(const Steps& steps, int num_rows) {
  uint64_t any = 0;
  for (int row = 0; row < num_rows; ++row) any |= steps.of_row(row);
  return (std::bit_width(any) + 2 * kAmxWords - 1) / (2 * kAmxWords) * kAmxWords;
}

template <Start kStart>
void multiply_with_amx(const SmallProduct& p, int num_rows, int num_vecs, const Steps& steps) {
  int words = (steps.count + 1) / 2;
  if (!steps.masks) return add_amx(p, kStart == Start::kZero, num_rows, num_vecs, words);
  words = std::min(words, seen_words(steps, num_rows));
  const bool finite = is_finite(p, num_vecs, words);
  for (int row = 0, end = 0; row < num_rows; row = end) {
    const uint64_t seen = steps.of_row(row);
    for (end = row + 1; finite && seen && end < num_rows && steps.of_row(end);) ++end;
    if (seen == 0) continue;
    const SmallProduct part = {p.a + row * kStride, p.b, p.b_stride, p.c + row * p.c_stride,
                               p.c_stride};
    finite ? add_amx(part, false, end - row, num_vecs, words)
           : add_amx_row(part, num_vecs, words, seen);
  }
}

// to[row][word] = from[word][row], for words and rows in [0, 64); both are [.][kStride].
inline void transpose_floats(const float* from, int num_words, int num_rows, float* to) {
  for (int word = 0; word < num_words; word += kLanes)
    for (int row = 0; row < num_rows; row += kLanes) {
      __m512 x[kLanes], y[kLanes];
      for (int i = 0; i < kLanes; ++i) x[i] = load(from + (word + i) * kStride + row);
      for (int i = 0; i < kLanes; i += 2) {
        y[i] = _mm512_unpacklo_ps(x[i], x[i + 1]);
        y[i + 1] = _mm512_unpackhi_ps(x[i], x[i + 1]);
      }
      for (int i = 0; i < kLanes; i += 4)
        for (int j = 0; j < 2; ++j) {
          const __m512d a = _mm512_castps_pd(y[i + j]), b = _mm512_castps_pd(y[i + j + 2]);
          x[i + 2 * j] = _mm512_castpd_ps(_mm512_unpacklo_pd(a, b));
          x[i + 2 * j + 1] = _mm512_castpd_ps(_mm512_unpackhi_pd(a, b));
        }
      for (int i = 0; i < 4; ++i) {
        y[i] = _mm512_shuffle_f32x4(x[i], x[i + 4], 0x88);
        y[i + 4] = _mm512_shuffle_f32x4(x[i], x[i + 4], 0xdd);
        y[i + 8] = _mm512_shuffle_f32x4(x[i + 8], x[i + 12], 0x88);
        y[i + 12] = _mm512_shuffle_f32x4(x[i + 8], x[i + 12], 0xdd);
      }
      for (int i = 0; i < 8; ++i) {
        store(to + (row + i) * kStride + word, _mm512_shuffle_f32x4(y[i], y[i + 8], 0x88));
        store(to + (row + i + 8) * kStride + word, _mm512_shuffle_f32x4(y[i], y[i + 8], 0xdd));
      }
    }
}

}  // namespace troupe
