#include "base/kl_estimator.h"

#include <cmath>

#include "base/error.h"
#include "base/portable_math.h"

namespace troupe {
namespace {

constexpr double kDifferenceLimit = 20, kValueLimit = 10;

KlValue clamped(KlValue kl, double limit) {
  if (std::fabs(kl.value) <= limit) return kl;
  return {std::copysign(limit, kl.value), 0};
}

KlValue low_variance(double d) {
  const double ratio = portable_exp(d);
  return {ratio - d - 1, 1 - ratio};
}

KlValue low_variance_of_verl(double d) {
  if (std::fabs(d) > kDifferenceLimit) {
    return {clamped(low_variance(std::copysign(kDifferenceLimit, d)), kValueLimit).value, 0};
  }
  return clamped(low_variance(d), kValueLimit);
}

KlValue unclamped(double d, KlEstimator estimator) {
  switch (estimator) {
    case KlEstimator::k1:
      return {-d, 1};
    case KlEstimator::abs:
      return {std::fabs(d), d == 0 ? 0 : std::copysign(1, -d)};
    case KlEstimator::k2:
      return {d * d / 2, -d};
    case KlEstimator::k3:
      return low_variance(d);
  }
  throw Error("unknown KL estimator");
}

}  // namespace

KlValue kl_estimate(double log_prob, double reference_log_prob, KlEstimator estimator,
                    Compat compat) {
  const double d = reference_log_prob - log_prob;
  if (compat == Compat::verl && estimator == KlEstimator::k3) return low_variance_of_verl(d);
  if (compat == Compat::openrlhf) return clamped(unclamped(d, estimator), kValueLimit);
  return unclamped(d, estimator);
}

KlEstimator kl_estimator_from_name(std::string_view name) {
  if (name == "k1" || name == "kl") return KlEstimator::k1;
  if (name == "abs") return KlEstimator::abs;
  if (name == "k2" || name == "mse") return KlEstimator::k2;
  if (name == "k3" || name == "low_var_kl") return KlEstimator::k3;
  throw Error("unknown KL estimator \"" + std::string(name) + "\"; known are k1, abs, k2, k3");
}

Compat compat_from_name(std::string_view name) {
  if (name == "verl") return Compat::verl;
  if (name == "openrlhf") return Compat::openrlhf;
  if (name == "trl") return Compat::trl;
  throw Error("unknown compat profile \"" + std::string(name) +
              "\"; known are verl, openrlhf, trl");
}

}  // namespace troupe
