#include "rlhf/whiten.h"

#include <algorithm>
#include <cmath>

#include "base/error.h"

namespace troupe {
namespace {

constexpr double kEpsilon = 1e-8;

}  // namespace

template <class T>
Moments masked_moments(std::span<const T> values, std::span<const T> mask, bool unbiased) {
  CHECK(mask.empty() || mask.size() == values.size(), mask.size(), values.size());
  const auto counts = [&](size_t i) { return mask.empty() || mask[i] != 0; };
  Moments moments;
  double sum = 0, squares = 0;
  for (size_t i = 0; i < values.size(); ++i) {
    if (counts(i)) sum += values[i], ++moments.count;
  }
  if (moments.count == 0) return moments;
  moments.mean = sum / static_cast<double>(moments.count);
  for (size_t i = 0; i < values.size(); ++i) {
    if (counts(i)) squares += (values[i] - moments.mean) * (values[i] - moments.mean);
  }
  const int64_t freedom = moments.count - (unbiased ? 1 : 0);
  moments.variance = freedom > 0 ? squares / static_cast<double>(freedom) : 0;
  return moments;
}

template <class T>
void whiten(std::span<T> values, std::span<const T> mask, Compat compat, bool keep_masked) {
  const bool population = compat == Compat::openrlhf;
  const auto moments = masked_moments<T>(values, mask, !population);
  const double variance =
      population ? std::max(moments.variance, kEpsilon) : moments.variance + kEpsilon;
  const double scale = 1 / std::sqrt(variance);
  for (size_t i = 0; i < values.size(); ++i) {
    const bool kept = mask.empty() || mask[i] != 0 || keep_masked;
    values[i] = kept ? static_cast<T>((values[i] - moments.mean) * scale) : T{0};
  }
}

template Moments masked_moments(std::span<const float>, std::span<const float>, bool);
template Moments masked_moments(std::span<const double>, std::span<const double>, bool);
template void whiten(std::span<float>, std::span<const float>, Compat, bool);
template void whiten(std::span<double>, std::span<const double>, Compat, bool);

}  // namespace troupe
