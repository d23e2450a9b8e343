// The 32-bit words that matrix products are made of: one float, or two Bf16 that are neighbours in
// the summed dimension. Both have the same layouts, so one kernel template serves both.
#pragma once

#include <cstdint>
#include <cstring>

#include "kernels/vec.h"

namespace troupe {

// How many elements of T one word holds.
template <class T>
inline constexpr int kElementsPerWord = static_cast<int>(sizeof(uint32_t) / sizeof(T));

// A word in every lane.
inline Vec broadcast_word(const uint32_t* word) {
  float x;
  std::memcpy(&x, word, sizeof x);
  return set1(x);
}

#if defined(__AVX512BF16__)

inline Vec multiply_add_pair(Vec a, Vec b, Vec sum) {
  return _mm512_dpbf16_ps(sum, (__m512bh)a, (__m512bh)b);
}

#else

#if defined(__AVX512F__)

inline Vec low_half(Vec words) {
  return _mm512_castsi512_ps(_mm512_slli_epi32(_mm512_castps_si512(words), 16));
}
inline Vec high_half(Vec words) {
  return _mm512_castsi512_ps(
      _mm512_and_si512(_mm512_castps_si512(words), _mm512_set1_epi32(-65536)));
}

#else

inline __m256 low_half(__m256 words) {
  return _mm256_castsi256_ps(_mm256_slli_epi32(_mm256_castps_si256(words), 16));
}
inline __m256 high_half(__m256 words) {
  return _mm256_and_ps(words, _mm256_castsi256_ps(_mm256_set1_epi32(-65536)));
}
inline Vec low_half(Vec words) {
  return {low_half(words.a), low_half(words.b)};
}
inline Vec high_half(Vec words) {
  return {high_half(words.a), high_half(words.b)};
}

#endif

// Two multiply-adds in f32, the lower half of each word first.
inline Vec multiply_add_pair(Vec a, Vec b, Vec sum) {
  return fma(high_half(a), high_half(b), fma(low_half(a), low_half(b), sum));
}

#endif

// sum + a * b in every lane, for words of T.
template <class T>
Vec multiply_add(Vec a, Vec b, Vec sum) {
  if constexpr (kElementsPerWord<T> == 1) {
    return fma(a, b, sum);
  } else {
    return multiply_add_pair(a, b, sum);
  }
}

}  // namespace troupe
