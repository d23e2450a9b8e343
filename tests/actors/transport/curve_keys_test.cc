// The keys that come out of a cluster's secret.
#include "actors/transport/curve_keys.h"

#include <gtest/gtest.h>

namespace troupe {
namespace {

TEST(CurveKeysTest, AreTheSameForTheSameSecretAndNoOther) {
  const auto keys = curve_keys("secret");
  EXPECT_EQ(keys.public_key, curve_keys("secret").public_key);
  EXPECT_EQ(keys.secret_key.size(), 40u);
  EXPECT_NE(keys.secret_key, curve_keys("secret2").secret_key);
  EXPECT_NE(keys.secret_key, keys.public_key);
}

}  // namespace
}  // namespace troupe
