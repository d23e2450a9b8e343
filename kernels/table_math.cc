#include "kernels/table_math.h"

#include <bit>
#include <limits>

#include "base/error.h"

namespace troupe {
namespace {

// Adding and taking away 1.5 * 2^52 rounds to the nearest integer.
double round_to_integer(double x) {
  constexpr double kShift = 0x1.8p52;
  return (x + kShift) - kShift;
}

// x^first / first! - x^(first+2) / (first+2)! + ... : the tail of sine or cosine, |x| <= pi / 4.
double alternating_series(double x, int first) {
  double sum = 0;
  for (int i = first + 16; i >= first; i -= 2) sum = 1 - sum * (x * x) / ((i + 1) * (i + 2));
  return first == 0 ? sum : sum * x;
}

}  // namespace

SineCosine sine_cosine(double x) {
  CHECK(x >= -1e6 && x <= 1e6, x);
  constexpr double kHigh = 0x1.921fb544p+0, kLow = 0x1.0b4611a626331p-34;  // pi / 2
  const double n = round_to_integer(x * 0x1.45f306dc9c883p-1);
  const double r = (x - n * kHigh) - n * kLow;  // n * kHigh is exact
  const double sine = alternating_series(r, 1), cosine = alternating_series(r, 0);
  switch (static_cast<int64_t>(n) & 3) {
    case 0:
      return {sine, cosine};
    case 1:
      return {cosine, -sine};
    case 2:
      return {-sine, -cosine};
    default:
      return {-cosine, sine};
  }
}

// log(m 2^k) = k log 2 + 2 atanh((m - 1) / (m + 1)), m in [sqrt(1/2), sqrt(2)).
double natural_log(double x) {
  CHECK(x >= 0x1p-1022 && x < std::numeric_limits<double>::infinity(), x);
  constexpr double kHigh = 0x1.62e42fecp-1, kLow = 0x1.d1cf79abc9e3bp-32;  // log 2
  const auto bits = std::bit_cast<int64_t>(x);
  const int64_t k = (bits - 0x3fe6a09e667f3bcd) >> 52;
  const double m = std::bit_cast<double>(bits - (k << 52)), s = (m - 1) / (m + 1);
  double sum = 0;
  for (int i = 23; i >= 1; i -= 2) sum = sum * (s * s) + 1.0 / i;
  return static_cast<double>(k) * kHigh + (2 * s * sum + static_cast<double>(k) * kLow);
}

double exponential(double x) {
  CHECK(x >= -700 && x <= 700, x);
  constexpr double kHigh = 0x1.62e42fecp-1, kLow = 0x1.d1cf79abc9e3bp-32;
  const double n = round_to_integer(x * 0x1.71547652b82fep+0);
  const double r = (x - n * kHigh) - n * kLow;
  double sum = 1;
  for (int i = 15; i >= 1; --i) sum = 1 + sum * r / i;
  return sum * std::bit_cast<double>((static_cast<int64_t>(n) + 1023) << 52);
}

double power(double base, double x) {
  return exponential(x * natural_log(base));
}

double power(double base, int64_t n) {
  double product = 1;
  for (; n > 0; n >>= 1, base *= base)
    if (n & 1) product *= base;
  return product;
}

}  // namespace troupe
