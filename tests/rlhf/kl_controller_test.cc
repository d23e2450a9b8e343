#include "rlhf/kl_controller.h"

#include <gtest/gtest.h>

#include "tests/golden/rlhf_golden.h"

namespace troupe {
namespace {

void expect_curve(KlController controller, int64_t trajectories, const std::vector<double>& kls,
                  const std::vector<double>& expected) {
  for (size_t i = 0; i < kls.size(); ++i) {
    controller.update(kls[i], trajectories);
    EXPECT_NEAR(controller.kl_coef, expected[i], 1e-9) << i;
  }
}

TEST(KlControllerTest, AdaptsAsVerlAndOpenRlhfDo) {
  const auto golden = golden::load();
  expect_curve(KlController({true, 0.1, 6, 10000}), 256, {10, 6.5, 5.9, 1, 6},
               golden.at("adaptive_kl(init .1,target 6,horizon 10000,n=256; kl 10,6.5,5.9,1,6)"));
  for (const auto& fresh : golden.at("fresh").at("cases")) {
    const auto& own = fresh.at("own_inputs").at("adaptive_kl");
    const auto& in = own.at("inputs");
    expect_curve(KlController({true, in.at("beta"), in.at("target"), in.at("horizon")}), in.at("n"),
                 in.at("kls"), own.at("result"));
  }
}

TEST(KlControllerTest, FixedStaysFixed) {
  KlController controller({.kl_coef = 0.3});
  controller.update(100, 1000);
  EXPECT_EQ(controller.kl_coef, 0.3);
}

TEST(KlControllerTest, RefusesATargetOfZero) {
  EXPECT_ANY_THROW(KlController({.adaptive = true, .target_kl = 0}));
}

}  // namespace
}  // namespace troupe
