#include "storage/inspect/gantt.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

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

TEST(GanttTest, JsonHasWorkInMicrosecondsWithShortGapsClosed) {
  Timeline timeline{.step = 2, .start_ns = 1'000'000, .end_ns = 11'000'000};
  timeline.actors = {actor("policy/pp0", {})};
  timeline.actors[0].work = {{"F0", 1'000'000, 2'000'000},
                             {"B0", 2'000'000, 2'500'000},
                             {"F1", 2'004'000, 3'000'000},
                             {"F2", 4'000'000, 12'000'000}};
  const auto json = nlohmann::json::parse(gantt_json(timeline));
  EXPECT_EQ(json.at("seconds"), 0.01);
  const auto& stage = json.at("stages").at(0);
  EXPECT_EQ(stage.at("address"), "policy/pp0");
  EXPECT_EQ(stage.at("spans").at("F"), (std::vector{0, 2000, 3000, 10000}));
  EXPECT_EQ(stage.at("spans").at("B"), (std::vector{1000, 1500}));
  EXPECT_EQ(json.at("roles").at(0).at("stages"), 1);
}

}  // namespace
}  // namespace troupe
