// Sixteen int32, or 64 bytes, at a time, beside vec.h's sixteen floats: what products of int8 are
// made of. Integers are exact, so all instruction sets agree. For *_cpu.cc files.
#pragma once

#include "kernels/vec.h"

namespace troupe {

#ifdef __AVX512F__

using Ints = __m512i;

inline Ints load_bytes(const void* p) {
  return _mm512_loadu_si512(p);
}
inline Ints ints_zero() {
  return _mm512_setzero_si512();
}
inline Ints ints_set1(int32_t x) {
  return _mm512_set1_epi32(x);
}
inline Ints bit_and(Ints a, Ints b) {
  return _mm512_and_si512(a, b);
}
inline Ints bit_or(Ints a, Ints b) {
  return _mm512_or_si512(a, b);
}
template <int kBits>  // of each 16-bit lane: mask what crosses bytes
inline Ints shift_right(Ints a) {
  return _mm512_srli_epi16(a, kBits);
}
template <int kBits>
inline Ints shift_left(Ints a) {
  return _mm512_slli_epi16(a, kBits);
}
inline Vec to_floats(Ints a) {
  return _mm512_cvtepi32_ps(a);
}
inline Vec load_halves(const void* p) {
  return _mm512_cvtph_ps(_mm256_loadu_si256(static_cast<const __m256i*>(p)));
}
inline Vec load_uint8(const void* p) {
  return to_floats(_mm512_cvtepu8_epi32(_mm_loadu_si128(static_cast<const __m128i*>(p))));
}
inline Vec load_int8(const void* p) {
  return to_floats(_mm512_cvtepi8_epi32(_mm_loadu_si128(static_cast<const __m128i*>(p))));
}
// Integral values in [-128, 127].
inline void store_int8(int8_t* p, Vec v) {
  _mm_storeu_si128(reinterpret_cast<__m128i*>(p), _mm512_cvtepi32_epi8(_mm512_cvtps_epi32(v)));
}

// dot_small(sum, u, s): to each int32 its four u8 of at most 127 times s8 of at least -127, added.
// dot_signed() takes as u the bytes w + 128 of signed w, and its sum begins with
// start_signed(minus the sum of all s): no instruction saturates, whatever the machine has.
#ifdef __AVX512VNNI__

inline Ints dot_small(Ints sum, Ints u, Ints s) {
  return _mm512_dpbusd_epi32(sum, u, s);
}
inline Ints start_signed(int32_t minus_sum) {
  return _mm512_set1_epi32(128 * minus_sum);
}
inline Ints dot_signed(Ints sum, Ints u, Ints s) {
  return _mm512_dpbusd_epi32(sum, u, s);
}

#else

inline Ints dot_small(Ints sum, Ints u, Ints s) {
  const Ints pairs = _mm512_maddubs_epi16(u, s);
  return _mm512_add_epi32(sum, _mm512_madd_epi16(pairs, _mm512_set1_epi16(1)));
}
inline Ints start_signed(int32_t) {
  return ints_zero();
}
inline Ints dot_signed(Ints sum, Ints u, Ints s) {
  const Ints w = _mm512_xor_si512(u, _mm512_set1_epi8(-128));
  const Ints signed_s = _mm512_mask_sub_epi8(s, _mm512_movepi8_mask(w), ints_zero(), s);
  return dot_small(sum, _mm512_abs_epi8(w), signed_s);
}

#endif

#else  // AVX2

struct Ints {
  __m256i a, b;
};

inline Ints load_bytes(const void* p) {
  const auto* from = static_cast<const __m256i*>(p);
  return {_mm256_loadu_si256(from), _mm256_loadu_si256(from + 1)};
}
inline Ints ints_zero() {
  return {_mm256_setzero_si256(), _mm256_setzero_si256()};
}
inline Ints ints_set1(int32_t x) {
  return {_mm256_set1_epi32(x), _mm256_set1_epi32(x)};
}
inline Ints bit_and(Ints x, Ints y) {
  return {_mm256_and_si256(x.a, y.a), _mm256_and_si256(x.b, y.b)};
}
inline Ints bit_or(Ints x, Ints y) {
  return {_mm256_or_si256(x.a, y.a), _mm256_or_si256(x.b, y.b)};
}
template <int kBits>
inline Ints shift_right(Ints x) {
  return {_mm256_srli_epi16(x.a, kBits), _mm256_srli_epi16(x.b, kBits)};
}
template <int kBits>
inline Ints shift_left(Ints x) {
  return {_mm256_slli_epi16(x.a, kBits), _mm256_slli_epi16(x.b, kBits)};
}
inline Vec to_floats(Ints x) {
  return {_mm256_cvtepi32_ps(x.a), _mm256_cvtepi32_ps(x.b)};
}
inline Vec load_halves(const void* p) {
  const auto* from = static_cast<const __m128i*>(p);
  return {_mm256_cvtph_ps(_mm_loadu_si128(from)), _mm256_cvtph_ps(_mm_loadu_si128(from + 1))};
}
inline Vec load_uint8(const void* p) {
  const __m128i bytes = _mm_loadu_si128(static_cast<const __m128i*>(p));
  return to_floats({_mm256_cvtepu8_epi32(bytes), _mm256_cvtepu8_epi32(_mm_srli_si128(bytes, 8))});
}
inline Vec load_int8(const void* p) {
  const __m128i bytes = _mm_loadu_si128(static_cast<const __m128i*>(p));
  return to_floats({_mm256_cvtepi8_epi32(bytes), _mm256_cvtepi8_epi32(_mm_srli_si128(bytes, 8))});
}
inline __m128i narrow(__m256 v) {  // to eight int16
  const __m256i ints = _mm256_cvtps_epi32(v);
  return _mm_packs_epi32(_mm256_castsi256_si128(ints), _mm256_extracti128_si256(ints, 1));
}
inline void store_int8(int8_t* p, Vec v) {
  _mm_storeu_si128(reinterpret_cast<__m128i*>(p), _mm_packs_epi16(narrow(v.a), narrow(v.b)));
}
inline __m256i dot_small(__m256i sum, __m256i u, __m256i s) {
  const __m256i pairs = _mm256_maddubs_epi16(u, s);
  return _mm256_add_epi32(sum, _mm256_madd_epi16(pairs, _mm256_set1_epi16(1)));
}
inline Ints dot_small(Ints sum, Ints u, Ints s) {
  return {dot_small(sum.a, u.a, s.a), dot_small(sum.b, u.b, s.b)};
}
inline Ints start_signed(int32_t) {
  return ints_zero();
}
inline __m256i dot_signed(__m256i sum, __m256i u, __m256i s) {
  const __m256i w = _mm256_xor_si256(u, _mm256_set1_epi8(-128));
  return dot_small(sum, _mm256_abs_epi8(w), _mm256_sign_epi8(s, w));
}
inline Ints dot_signed(Ints sum, Ints u, Ints s) {
  return {dot_signed(sum.a, u.a, s.a), dot_signed(sum.b, u.b, s.b)};
}

#endif

}  // namespace troupe
