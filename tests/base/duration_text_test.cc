#include "base/duration_text.h"

#include <gtest/gtest.h>

namespace troupe {
namespace {

using namespace std::chrono_literals;

TEST(DurationTextTest, SaysSecondsInThreeDigitsAndNoMoreThanThereAre) {
  EXPECT_EQ(seconds_text(6s), "6 s");
  EXPECT_EQ(seconds_text(250ms), "0.25 s");
  EXPECT_EQ(seconds_text(9876543us), "9.88 s");
}

}  // namespace
}  // namespace troupe
