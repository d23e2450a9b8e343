#include "base/kl_estimator.h"

#include <gtest/gtest.h>

#include <cmath>

#include "tests/golden/rlhf_golden.h"

namespace troupe {
namespace {

void expect_record(const golden::Case& golden, const std::string& record, KlEstimator estimator,
                   Compat compat) {
  const auto log_prob = golden.rows("logp"), reference = golden.rows("ref_logp");
  const auto expected = golden.results.at(record).get<golden::Rows>();
  for (size_t i = 0; i < expected.size(); ++i) {
    for (size_t t = 0; t < expected[i].size(); ++t) {
      EXPECT_NEAR(kl_estimate(log_prob[i][t], reference[i][t], estimator, compat).value,
                  expected[i][t], 1e-6);
    }
  }
}

TEST(KlEstimatorTest, AgreesWithVerlAndOpenRlhf) {
  for (const auto& golden : golden::cases()) {
    expect_record(golden, "verl.kl.k1", KlEstimator::k1, Compat::verl);
    expect_record(golden, "verl.kl.k2", KlEstimator::k2, Compat::verl);
    expect_record(golden, "verl.kl.k3", KlEstimator::k3, Compat::verl);
    expect_record(golden, "openrlhf.kl.k3", KlEstimator::k3, Compat::openrlhf);
  }
}

TEST(KlEstimatorTest, ClampsAsEachProfileDoes) {
  EXPECT_EQ(kl_estimate(-30, -1, KlEstimator::k3, Compat::verl).value, 10);
  EXPECT_EQ(kl_estimate(-1, -31, KlEstimator::k3, Compat::verl).value, 10);
  EXPECT_NEAR(kl_estimate(-1, -31, KlEstimator::k3, Compat::trl).value, 29, 1e-9);
  EXPECT_EQ(kl_estimate(-1, -31, KlEstimator::k1, Compat::verl).value, 30);
  EXPECT_EQ(kl_estimate(-1, -31, KlEstimator::k1, Compat::openrlhf).value, 10);
  EXPECT_EQ(kl_estimate(-31, -1, KlEstimator::k1, Compat::openrlhf).value, -10);
}

TEST(KlEstimatorTest, DerivativeAgreesWithFiniteDifferences) {
  for (auto compat : {Compat::verl, Compat::openrlhf, Compat::trl}) {
    for (auto estimator : {KlEstimator::k1, KlEstimator::abs, KlEstimator::k2, KlEstimator::k3}) {
      for (double log_prob : {-0.5, -2.0, -7.0, -40.0}) {
        const double h = 1e-6, above = kl_estimate(log_prob + h, -1, estimator, compat).value,
                     below = kl_estimate(log_prob - h, -1, estimator, compat).value;
        const double slope = (above - below) / (2 * h);
        EXPECT_NEAR(kl_estimate(log_prob, -1, estimator, compat).d_log_prob, slope,
                    1e-6 * (1 + std::fabs(slope)));
      }
    }
  }
}

TEST(KlEstimatorTest, KnowsVerlsNamesAndRefusesOthers) {
  EXPECT_EQ(kl_estimator_from_name("low_var_kl"), KlEstimator::k3);
  EXPECT_EQ(kl_estimator_from_name("kl"), KlEstimator::k1);
  EXPECT_ANY_THROW(kl_estimator_from_name("k4"));
  EXPECT_EQ(compat_from_name("trl"), Compat::trl);
  EXPECT_ANY_THROW(compat_from_name("beaver"));
}

}  // namespace
}  // namespace troupe
