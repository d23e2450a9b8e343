// exp, log and their kin for sixteen lanes: ours, because libm chooses a variant by CPU and its
// last bit with it. Lanes are within an ulp or two; AVX-512 and AVX2 agree in every bit.
// Coefficients interpolate the function at Chebyshev nodes of the reduced range.
#pragma once

#include <bit>
#include <cstdint>
#include <limits>

#include "kernels/vec.h"

namespace troupe {

// c[0] x^(n-1) + ... + c[n-1], by Horner.
template <int n>
inline Vec polynomial(Vec x, const float (&c)[n]) {
  Vec p = set1(c[0]);
  for (int i = 1; i < n; ++i) p = fma(p, x, set1(c[i]));
  return p;
}

// Below -150 is 0, above 128 is infinity, and a NaN stays one: max and min return their second.
inline Vec exp2(Vec x) {
  x = min(set1(200), max(set1(-200), x));
  const Vec n = round_to_even(x), r = sub(x, n);
  const Vec p = polynomial(r, {1.5297324e-5f, 1.5461445e-4f, 1.3333502e-3f, 9.618057e-3f,
                               5.550411e-2f, 2.4022651e-1f, 6.931472e-1f});
  return scale_by_power(fma(p, r, set1(1)), n);
}

inline Vec exp(Vec x) {
  x = min(set1(120), max(set1(-120), x));
  const Vec n = round_to_even(mul(x, set1(1.442695f)));
  const Vec r = fnma(n, set1(-1.9046542e-9f), fnma(n, set1(6.9314718e-1f), x));
  const Vec q = polynomial(
      r, {1.9891125e-4f, 1.3933771e-3f, 8.33331e-3f, 4.1666463e-2f, 1.6666667e-1f, 0.5f});
  return scale_by_power(add(fma(mul(r, r), q, r), set1(1)), n);
}

namespace detail {

// A positive normal x as m * 2^k with m in [sqrt(1/2), sqrt(2)): the exponent of x / sqrt(1/2).
#ifdef __AVX512F__
inline Vec split_exponent(Vec x, Vec& k) {
  const __m512i steps = _mm512_srai_epi32(
      _mm512_sub_epi32(_mm512_castps_si512(x), _mm512_set1_epi32(0x3f3504f3)), 23);
  k = _mm512_cvtepi32_ps(steps);
  return _mm512_castsi512_ps(
      _mm512_sub_epi32(_mm512_castps_si512(x), _mm512_slli_epi32(steps, 23)));
}
#else
inline __m256 split_exponent(__m256 x, __m256& k) {
  const __m256i steps = _mm256_srai_epi32(
      _mm256_sub_epi32(_mm256_castps_si256(x), _mm256_set1_epi32(0x3f3504f3)), 23);
  k = _mm256_cvtepi32_ps(steps);
  return _mm256_castsi256_ps(
      _mm256_sub_epi32(_mm256_castps_si256(x), _mm256_slli_epi32(steps, 23)));
}
inline Vec split_exponent(Vec x, Vec& k) {
  return {split_exponent(x.a, k.a), split_exponent(x.b, k.b)};
}
#endif

}  // namespace detail

// log(0) is -infinity; a negative x or a NaN gives NaN.
inline Vec log(Vec x) {
  constexpr float kInfinity = std::numeric_limits<float>::infinity();
  const Mask tiny = less(x, set1(0x1p-126f));
  Vec k;
  const Vec m = detail::split_exponent(select(tiny, mul(x, set1(0x1p24f)), x), k);
  k = select(tiny, sub(k, set1(24)), k);
  const Vec f = sub(m, set1(1)), f2 = mul(f, f);
  const Vec p =
      polynomial(f, {6.9716118e-2f, -1.1479734e-1f, 1.168542e-1f, -1.2425687e-1f, 1.4249058e-1f,
                     -1.6667803e-1f, 2.0000716e-1f, -2.4999997e-1f, 3.3333331e-1f});
  Vec low = fma(mul(f2, f), p, mul(k, set1(1.4286068e-6f)));
  low = fnma(f2, set1(0.5f), low);
  Vec y = fma(k, set1(0.693145751953125f), add(f, low));
  y = select(equal(x, zero()), set1(-kInfinity), y);
  y = select(equal(x, set1(kInfinity)), x, y);
  const Mask number = static_cast<Mask>(less(x, zero()) | ~equal(x, x));
  return select(number, set1(std::numeric_limits<float>::quiet_NaN()), y);
}

// 1 / (1 + exp(-x)); neither tail overflows.
inline Vec sigmoid(Vec x) {
  const Vec e = exp(min(x, sub(zero(), x)));
  return div(select(less(x, zero()), e, set1(1)), add(e, set1(1)));
}

// Shazeer, 2020.
inline Vec swiglu_of(Vec gate, Vec up) {
  return mul(mul(gate, sigmoid(gate)), up);
}

// Near 0 the polynomial of Cephes' tanhf, since there the quotient would cancel.
inline Vec tanh(Vec x) {
  const Vec size = max(x, sub(zero(), x)), square = mul(x, x);
  const Vec p = polynomial(square, {-5.70498872745e-3f, 2.06390887954e-2f, -5.37397155531e-2f,
                                    1.33314422036e-1f, -3.33332819422e-1f});
  const Vec far = sub(set1(1), div(set1(2), add(exp(add(size, size)), set1(1))));
  const Vec signed_far = select(less(x, zero()), sub(zero(), far), far);
  return select(less(size, set1(0.625f)), fma(mul(p, square), x, x), signed_far);
}

// One number by the same bits as a lane.
inline float exp(float x) {
  return lane(exp(set1(x)), 0);
}
inline float log(float x) {
  return lane(log(set1(x)), 0);
}

}  // namespace troupe
