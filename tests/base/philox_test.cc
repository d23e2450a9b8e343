#include "base/philox.h"

#include <gtest/gtest.h>

namespace troupe {
namespace {

// Known-answer vectors of the Random123 distribution for philox4x32-10.
TEST(PhiloxTest, GivesThePublishedNumbers) {
  EXPECT_EQ(philox4x32_10({0, 0, 0, 0}, {0, 0}),
            (std::array<uint32_t, 4>{0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8}));
  EXPECT_EQ(philox4x32_10({~0u, ~0u, ~0u, ~0u}, {~0u, ~0u}),
            (std::array<uint32_t, 4>{0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd}));
}

TEST(PhiloxTest, EveryPartOfTheAddressMatters) {
  const RandomAddress base = {1, Purpose::kSampling, 2, 3, 4};
  const auto words = philox(base);
  EXPECT_NE(philox({2, Purpose::kSampling, 2, 3, 4}), words);
  EXPECT_NE(philox({1, Purpose::kPrompt, 2, 3, 4}), words);
  EXPECT_NE(philox({1, Purpose::kSampling, 2 + (uint64_t{1} << 32), 3, 4}), words);
  EXPECT_NE(philox({1, Purpose::kSampling, 2, 4, 4}), words);
  EXPECT_NE(philox({1, Purpose::kSampling, 2, 3, 5}), words);
  EXPECT_NE(philox(base, 1), words);
  EXPECT_EQ(philox(base), words);
}

TEST(PhiloxTest, NormalHasMeanZeroAndVarianceOne) {
  double sum = 0, squares = 0;
  constexpr int kCount = 20000;
  for (uint32_t i = 0; i < kCount; ++i) {
    double x = normal({7, Purpose::kInitialWeights, 0, 0, i});
    sum += x;
    squares += x * x;
  }
  EXPECT_NEAR(sum / kCount, 0, 0.03);
  EXPECT_NEAR(squares / kCount, 1, 0.03);
}

}  // namespace
}  // namespace troupe
