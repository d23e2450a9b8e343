#include "base/utc_text.h"

#include <gtest/gtest.h>

namespace troupe {
namespace {

TEST(UtcTextTest, IsTheMomentsTimeWhereverTheMachineStands) {
  EXPECT_EQ(utc_text(0, "%Y-%m-%dT%H:%M:%SZ"), "1970-01-01T00:00:00Z");
  EXPECT_EQ(utc_text(1'700'000'000'999'999'999, "%H:%M:%S UTC"), "22:13:20 UTC");
}

}  // namespace
}  // namespace troupe
