#include "storage/journal/gantt.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace troupe {
namespace {

ActorTimeline actor(const std::string& address, std::vector<TimelineSpan> handled) {
  return {.address = address, .kind = "stage", .node = "a", .handled = std::move(handled)};
}

TEST(GanttTest, BubbleIsWhatStagesDoNotWorkBetweenFirstAndLast) {
  Timeline timeline{.step = 2, .start_ns = 0, .end_ns = 1000};
  timeline.actors = {actor("policy/pp0", {}), actor("policy/pp1", {})};
  timeline.actors[0].work = {{"F0", 100, 200}, {"B0", 300, 500}};
  timeline.actors[1].work = {{"F0", 200, 250}, {"B0", 250, 300}};
  const auto shares = pipeline_shares(timeline);
  ASSERT_EQ(shares.size(), 1u);
  EXPECT_EQ(shares[0].start_ns, 100);
  EXPECT_EQ(shares[0].end_ns, 500);
  EXPECT_DOUBLE_EQ(shares[0].bubble(), 0.5);
  EXPECT_THAT(gantt_text(timeline), testing::HasSubstr("FFFFFFFF"));
}

}  // namespace
}  // namespace troupe
