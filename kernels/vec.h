// Sixteen floats at a time, whatever the machine's registers hold: one AVX-512 register or two of
// AVX2. Kernels are written for sixteen lanes, so both give the same bits in f32.
//
// A mask has bit i set where lane i takes part. Reductions over lanes have one fixed tree.
#pragma once

#include <immintrin.h>

#include <cstdint>

#include "base/dtype.h"

namespace troupe {

inline constexpr int kLanes = 16;
using Mask = uint16_t;

// Lanes [0, count) only; count may exceed kLanes or be negative.
inline Mask first_lanes(int64_t count) {
  return count >= kLanes ? 0xffff : static_cast<Mask>((1u << (count > 0 ? count : 0)) - 1);
}

#ifdef __AVX512F__

using Vec = __m512;

inline Vec zero() {
  return _mm512_setzero_ps();
}
inline Vec set1(float x) {
  return _mm512_set1_ps(x);
}
inline Vec load(const float* p) {
  return _mm512_loadu_ps(p);
}
inline Vec load(const float* p, Mask m) {
  return _mm512_maskz_loadu_ps(m, p);
}  // others are 0
inline void store(float* p, Vec v) {
  _mm512_storeu_ps(p, v);
}
inline void store(float* p, Vec v, Mask m) {
  _mm512_mask_storeu_ps(p, m, v);
}
inline Vec add(Vec a, Vec b) {
  return _mm512_add_ps(a, b);
}
inline Vec sub(Vec a, Vec b) {
  return _mm512_sub_ps(a, b);
}
inline Vec mul(Vec a, Vec b) {
  return _mm512_mul_ps(a, b);
}
inline Vec div(Vec a, Vec b) {
  return _mm512_div_ps(a, b);
}
inline Vec sqrt(Vec a) {
  return _mm512_sqrt_ps(a);
}
inline Vec max(Vec a, Vec b) {
  return _mm512_max_ps(a, b);
}
inline Vec min(Vec a, Vec b) {
  return _mm512_min_ps(a, b);
}
inline Vec fma(Vec a, Vec b, Vec c) {
  return _mm512_fmadd_ps(a, b, c);
}  // a * b + c
inline Vec fnma(Vec a, Vec b, Vec c) {
  return _mm512_fnmadd_ps(a, b, c);
}  // c - a * b
inline Vec round_to_even(Vec x) {
  return _mm512_roundscale_ps(x, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC);
}
// x * 2^n for integral n.
inline Vec scale_by_power(Vec x, Vec n) {
  return _mm512_scalef_ps(x, n);
}
inline Mask less(Vec a, Vec b) {
  return _mm512_cmp_ps_mask(a, b, _CMP_LT_OQ);
}
inline Mask equal(Vec a, Vec b) {
  return _mm512_cmp_ps_mask(a, b, _CMP_EQ_OQ);
}
inline Vec select(Mask m, Vec yes, Vec no) {
  return _mm512_mask_blend_ps(m, no, yes);
}

inline Vec load(const Bf16* p) {
  const __m256i half = _mm256_loadu_si256(reinterpret_cast<const __m256i*>(p));
  return _mm512_castsi512_ps(_mm512_slli_epi32(_mm512_cvtepu16_epi32(half), 16));
}
inline Vec load(const Bf16* p, Mask m) {
  const __m256i half = _mm256_maskz_loadu_epi16(m, p);
  return _mm512_castsi512_ps(_mm512_slli_epi32(_mm512_cvtepu16_epi32(half), 16));
}
// Rounds to nearest even, as to_bf16() does; denormals are kept (the instruction would drop them).
inline __m256i round_to_bf16(Vec v) {
  const __m512i bits = _mm512_castps_si512(v);
  const __m512i odd = _mm512_and_si512(_mm512_srli_epi32(bits, 16), _mm512_set1_epi32(1));
  const __m512i up = _mm512_add_epi32(_mm512_add_epi32(bits, _mm512_set1_epi32(0x7fff)), odd);
  const __mmask16 nan = _mm512_cmp_ps_mask(v, v, _CMP_UNORD_Q);
  const __m512i quiet = _mm512_or_si512(bits, _mm512_set1_epi32(0x400000));
  return _mm512_cvtepi32_epi16(_mm512_srli_epi32(_mm512_mask_blend_epi32(nan, up, quiet), 16));
}
inline void store(Bf16* p, Vec v) {
  _mm256_storeu_si256(reinterpret_cast<__m256i*>(p), round_to_bf16(v));
}
inline void store(Bf16* p, Vec v, Mask m) {
  _mm256_mask_storeu_epi16(p, m, round_to_bf16(v));
}

inline float lane(Vec v, int i) {
  alignas(64) float lanes[kLanes];
  _mm512_store_ps(lanes, v);
  return lanes[i];
}
// ((i) + (i + 8)), then + 4, + 2, + 1 apart.
inline float reduce_add(Vec v) {
  const __m256 a = _mm512_castps512_ps256(v);
  const __m256 b = _mm256_castpd_ps(_mm512_extractf64x4_pd(_mm512_castps_pd(v), 1));
  const __m256 c = _mm256_add_ps(a, b);
  const __m128 d = _mm_add_ps(_mm256_castps256_ps128(c), _mm256_extractf128_ps(c, 1));
  const __m128 e = _mm_add_ps(d, _mm_movehl_ps(d, d));
  return _mm_cvtss_f32(_mm_add_ss(e, _mm_shuffle_ps(e, e, 1)));
}
inline float reduce_max(Vec v) {
  return _mm512_reduce_max_ps(v);
}

#else  // AVX2

struct Vec {
  __m256 a, b;  // lanes 0..7 and 8..15
};

inline __m256i lane_mask(unsigned bits) {
  const __m256i each = _mm256_setr_epi32(1, 2, 4, 8, 16, 32, 64, 128);
  return _mm256_cmpeq_epi32(_mm256_and_si256(_mm256_set1_epi32(static_cast<int>(bits)), each),
                            each);
}
inline Vec zero() {
  return {_mm256_setzero_ps(), _mm256_setzero_ps()};
}
inline Vec set1(float x) {
  return {_mm256_set1_ps(x), _mm256_set1_ps(x)};
}
inline Vec load(const float* p) {
  return {_mm256_loadu_ps(p), _mm256_loadu_ps(p + 8)};
}
inline Vec load(const float* p, Mask m) {
  return {_mm256_maskload_ps(p, lane_mask(m & 255)), _mm256_maskload_ps(p + 8, lane_mask(m >> 8))};
}
inline void store(float* p, Vec v) {
  _mm256_storeu_ps(p, v.a);
  _mm256_storeu_ps(p + 8, v.b);
}
inline void store(float* p, Vec v, Mask m) {
  _mm256_maskstore_ps(p, lane_mask(m & 255), v.a);
  _mm256_maskstore_ps(p + 8, lane_mask(m >> 8), v.b);
}
inline Vec add(Vec x, Vec y) {
  return {_mm256_add_ps(x.a, y.a), _mm256_add_ps(x.b, y.b)};
}
inline Vec sub(Vec x, Vec y) {
  return {_mm256_sub_ps(x.a, y.a), _mm256_sub_ps(x.b, y.b)};
}
inline Vec mul(Vec x, Vec y) {
  return {_mm256_mul_ps(x.a, y.a), _mm256_mul_ps(x.b, y.b)};
}
inline Vec div(Vec x, Vec y) {
  return {_mm256_div_ps(x.a, y.a), _mm256_div_ps(x.b, y.b)};
}
inline Vec sqrt(Vec x) {
  return {_mm256_sqrt_ps(x.a), _mm256_sqrt_ps(x.b)};
}
inline Vec max(Vec x, Vec y) {
  return {_mm256_max_ps(x.a, y.a), _mm256_max_ps(x.b, y.b)};
}
inline Vec min(Vec x, Vec y) {
  return {_mm256_min_ps(x.a, y.a), _mm256_min_ps(x.b, y.b)};
}
inline Vec fma(Vec x, Vec y, Vec z) {
  return {_mm256_fmadd_ps(x.a, y.a, z.a), _mm256_fmadd_ps(x.b, y.b, z.b)};
}
inline Vec fnma(Vec x, Vec y, Vec z) {
  return {_mm256_fnmadd_ps(x.a, y.a, z.a), _mm256_fnmadd_ps(x.b, y.b, z.b)};
}
inline Vec round_to_even(Vec x) {
  constexpr int kMode = _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC;
  return {_mm256_round_ps(x.a, kMode), _mm256_round_ps(x.b, kMode)};
}
// In two steps, so that the exponent of neither factor overflows.
inline __m256 scale_by_power(__m256 x, __m256 n) {
  const __m256i whole = _mm256_cvtps_epi32(n);
  const __m256i half = _mm256_srai_epi32(whole, 1);
  const __m256i rest = _mm256_sub_epi32(whole, half);
  const auto power = [](__m256i e) {
    return _mm256_castsi256_ps(_mm256_slli_epi32(_mm256_add_epi32(e, _mm256_set1_epi32(127)), 23));
  };
  return _mm256_mul_ps(_mm256_mul_ps(x, power(half)), power(rest));
}
inline Vec scale_by_power(Vec x, Vec n) {
  return {scale_by_power(x.a, n.a), scale_by_power(x.b, n.b)};
}
inline Mask less(Vec x, Vec y) {
  return static_cast<Mask>(_mm256_movemask_ps(_mm256_cmp_ps(x.a, y.a, _CMP_LT_OQ)) |
                           _mm256_movemask_ps(_mm256_cmp_ps(x.b, y.b, _CMP_LT_OQ)) << 8);
}
inline Mask equal(Vec x, Vec y) {
  return static_cast<Mask>(_mm256_movemask_ps(_mm256_cmp_ps(x.a, y.a, _CMP_EQ_OQ)) |
                           _mm256_movemask_ps(_mm256_cmp_ps(x.b, y.b, _CMP_EQ_OQ)) << 8);
}
inline Vec select(Mask m, Vec yes, Vec no) {
  return {_mm256_blendv_ps(no.a, yes.a, _mm256_castsi256_ps(lane_mask(m & 255))),
          _mm256_blendv_ps(no.b, yes.b, _mm256_castsi256_ps(lane_mask(m >> 8)))};
}

inline __m256 widen(__m128i half) {
  return _mm256_castsi256_ps(_mm256_slli_epi32(_mm256_cvtepu16_epi32(half), 16));
}
inline Vec load(const Bf16* p) {
  return {widen(_mm_loadu_si128(reinterpret_cast<const __m128i*>(p))),
          widen(_mm_loadu_si128(reinterpret_cast<const __m128i*>(p + 8)))};
}
inline Vec load(const Bf16* p, Mask m) {
  alignas(32) Bf16 lanes[kLanes] = {};
  for (int i = 0; i < kLanes; ++i)
    if (m >> i & 1) lanes[i] = p[i];
  return load(lanes);
}
inline void store(Bf16* p, Vec v, Mask m) {
  alignas(32) float lanes[kLanes];
  store(lanes, v);
  for (int i = 0; i < kLanes; ++i)
    if (m >> i & 1) p[i] = to_bf16(lanes[i]);
}
inline void store(Bf16* p, Vec v) {
  store(p, v, Mask{0xffff});
}

inline float lane(Vec v, int i) {
  alignas(32) float lanes[kLanes];
  store(lanes, v);
  return lanes[i];
}
inline float reduce_add(Vec v) {
  const __m256 c = _mm256_add_ps(v.a, v.b);
  const __m128 d = _mm_add_ps(_mm256_castps256_ps128(c), _mm256_extractf128_ps(c, 1));
  const __m128 e = _mm_add_ps(d, _mm_movehl_ps(d, d));
  return _mm_cvtss_f32(_mm_add_ss(e, _mm_shuffle_ps(e, e, 1)));
}
inline float reduce_max(Vec v) {
  const __m256 c = _mm256_max_ps(v.a, v.b);
  const __m128 d = _mm_max_ps(_mm256_castps256_ps128(c), _mm256_extractf128_ps(c, 1));
  const __m128 e = _mm_max_ps(d, _mm_movehl_ps(d, d));
  return _mm_cvtss_f32(_mm_max_ss(e, _mm_shuffle_ps(e, e, 1)));
}

#endif

}  // namespace troupe
