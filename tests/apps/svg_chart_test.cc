#include "apps/svg_chart.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace troupe {
namespace {

using testing::HasSubstr;
using testing::Not;

TEST(SvgChartTest, ACurveThatStaysTheSameLiesInTheMiddleUnderOneLabel) {
  const auto chart = line_chart("kl", {{1, 0.25}, {2, 0.25}});
  EXPECT_THAT(chart, HasSubstr("points='56,68 352,68 '"));
  EXPECT_EQ(chart.find(">0.25<"), chart.rfind(">0.25<"));
}

TEST(SvgChartTest, ACurveReachesFromTheTopToTheBottomOfItsPlot) {
  EXPECT_THAT(line_chart("loss", {{1, 2}, {3, -1}}), HasSubstr("points='56,8 352,128 '"));
}

TEST(SvgChartTest, SharesAreSecondsAndPercent) {
  EXPECT_THAT(share_bar("time", {{"gen", 3}, {"save", 0.0016}}),
              testing::AllOf(HasSubstr("gen 3.00 s (99.9 %)"), HasSubstr("save 0.00 s (0.1 %)")));
}

TEST(SvgChartTest, NamesCannotEndAnElementOrAnAttribute) {
  EXPECT_THAT(line_chart("</svg>'x", {{1, 1}}), Not(HasSubstr("</svg>'x")));
}

}  // namespace
}  // namespace troupe
