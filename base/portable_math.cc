#include "base/portable_math.h"

#include <cmath>
#include <limits>

namespace troupe {
namespace {

constexpr double kLn2High = 6.93147180369123816490e-01;  // 32 leading bits: n * kLn2High is exact
constexpr double kLn2Low = 1.90821492927058770002e-10;
constexpr double kInverseLn2 = 1.44269504088896338700e+00;
constexpr double kInfinity = std::numeric_limits<double>::infinity();

// log((1 + s) / (1 - s)) = 2 (s + s^3/3 + s^5/5 + ...), for |s| < 0.1716.
double log_of_ratio(double s) {
  const double square = s * s;
  double sum = 0;
  for (int k = 23; k >= 3; k -= 2) sum = (sum + 1.0 / k) * square;
  return 2 * (s + s * sum);
}

}  // namespace

double portable_exp(double x) {
  if (std::isnan(x)) return x;
  if (x > 709.78271289338397) return kInfinity;
  if (x < -745.2) return 0;
  const double n = std::nearbyint(x * kInverseLn2);
  const double rest = (x - n * kLn2High) - n * kLn2Low;
  double sum = 1;
  for (int k = 14; k >= 1; --k) sum = 1 + sum * rest / k;
  return std::ldexp(sum, static_cast<int>(n));
}

double portable_log(double x) {
  if (!(x > 0)) return x == 0 ? -kInfinity : std::numeric_limits<double>::quiet_NaN();
  if (std::isinf(x)) return x;
  int exponent = 0;
  double mantissa = std::frexp(x, &exponent);
  if (mantissa < 0.70710678118654752) mantissa *= 2, --exponent;
  const double logarithm = log_of_ratio((mantissa - 1) / (mantissa + 1));
  return exponent * kLn2High + (exponent * kLn2Low + logarithm);
}

double portable_log1p(double x) {
  return std::fabs(x) < 0.25 ? log_of_ratio(x / (2 + x)) : portable_log(1 + x);
}

// 1 - 2 sin^2(x / 2), the sine by its series.
double portable_cos(double x) {
  const double half = x / 2, square = half * half;
  double sum = 1;
  for (int k = 25; k >= 3; k -= 2) sum = 1 - sum * square / (k * (k - 1));
  const double sine = half * sum;
  return 1 - 2 * sine * sine;
}

}  // namespace troupe
