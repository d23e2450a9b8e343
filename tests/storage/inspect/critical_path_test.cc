#include "storage/inspect/critical_path.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace troupe {
namespace {

using Kind = PathSegment::Kind;

ActorTimeline actor(const std::string& address, std::vector<TimelineSpan> handled) {
  return {.address = address, .kind = "stage", .node = "a", .handled = std::move(handled)};
}

std::vector<std::string> names(const std::vector<PathSegment>& path) {
  std::vector<std::string> names;
  for (const auto& segment : path)
    names.push_back(segment.actor + " " + segment.message + " " +
                    std::to_string(segment.end_ns - segment.start_ns));
  return names;
}

// The coordinator asks at 10, the worker takes the question at 12, answers at 90; the answer is
// there at 95 and handled from 97 to 100.
Timeline question_and_answer() {
  Timeline timeline{.step = 1, .start_ns = 0, .end_ns = 100};
  timeline.actors = {
      actor("coordinator", {{"?", "Start", 0, 0, 10}, {"worker", "Done", 95, 97, 101}}),
      actor("worker", {{"coordinator", "Ask", 11, 12, 90}})};
  return timeline;
}

TEST(CriticalPathTest, GoesBackOverTheMessagesThatBroughtTheEnd) {
  const auto path = critical_path(question_and_answer());
  EXPECT_THAT(names(path), testing::ElementsAre("coordinator Start 10", "coordinator Ask 1",
                                                "worker Ask 1", "worker Ask 78", "worker Done 5",
                                                "coordinator Done 2", "coordinator Done 3"));
  EXPECT_EQ(path[2].kind, Kind::queueing);
  EXPECT_EQ(path[4].kind, Kind::transport);
}

TEST(CriticalPathTest, AnActorThatWasBusyWhenTheMessageCameIsTheReason) {
  auto timeline = question_and_answer();
  timeline.actors[1].handled = {{"?", "Other", 0, 1, 50}, {"coordinator", "Ask", 11, 51, 90}};
  const auto path = critical_path(timeline);
  EXPECT_THAT(names(path), testing::Contains("worker Other 49"));
}

TEST(CriticalPathTest, AddsUpToTheStep) {
  int64_t sum = 0;
  for (const auto& segment : critical_path(question_and_answer()))
    sum += segment.end_ns - segment.start_ns;
  EXPECT_EQ(sum, 100);
}

}  // namespace
}  // namespace troupe
