#include "storage/journal/timeline.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "storage/journal/journal.h"
#include "storage/journal/node_records.h"
#include "tests/temporary_folder.h"

namespace troupe {
namespace {

// A run of two nodes: the coordinator on "a" asks a stage on "b" once a step. A step takes 100 ns.
class RunJournalTest : public testing::Test {
 protected:
  RunJournalTest() {
    Journal a(run.path() + "/journal/a"), b(run.path() + "/journal/b");
    for (int64_t step = 0; step <= 3; ++step) {
      a.append(encode(coordinator_node(step)), Journal::Durability::process_crash);
      b.append(encode(stage_node(step)), Journal::Durability::process_crash);
    }
  }

  static NodeRecord coordinator_node(int64_t step) {
    ActorRecord actor{.id = 1, .address = "coordinator", .kind = "coordinator"};
    actor.work = {{"step " + std::to_string(step), 100 * step, 100 * step + 100}};
    return {.node = "a", .system = "A", .step = step, .actors = {actor}};
  }

  // What it did in a step stands in the record of the step before: it heard late of the new one.
  static NodeRecord stage_node(int64_t step) {
    ActorRecord actor{.id = 1, .address = "policy/pp0", .kind = "stage"};
    actor.edges = {{.sender_system = "A", .sender = 1, .message = "troupe::RunBatch"}};
    const int64_t next = 100 * (step + 1);
    actor.handled = {{0, next + 20, next + 30, next + 40}};
    actor.work = {{"F0", next + 32, next + 38}};
    return {.node = "b", .system = "B", .step = step, .actors = {actor}};
  }

  TemporaryFolder run;
};

TEST_F(RunJournalTest, AStepIsWhatAllNodesDidBetweenItsStartAndItsEnd) {
  const auto timeline = read_timeline(run.path(), 2);
  EXPECT_EQ(timeline.start_ns, 200);
  EXPECT_EQ(timeline.end_ns, 300);
  const auto* stage = timeline.find("policy/pp0");
  ASSERT_NE(stage, nullptr);
  ASSERT_EQ(stage->handled.size(), 1u);
  EXPECT_EQ(stage->handled[0].from, "coordinator");
  EXPECT_EQ(stage->handled[0].message, "troupe::RunBatch");
  EXPECT_EQ(stage->handled[0].arrived_ns, 220);
  EXPECT_EQ(stage->handled[0].end_ns, 240);
  ASSERT_EQ(stage->work.size(), 1u);
  EXPECT_EQ(stage->work[0].start_ns, 232);
  EXPECT_EQ(timeline.find("policy/pp1"), nullptr);
}

TEST_F(RunJournalTest, WithoutAStepTheLastOneThatEndedIsMeant) {
  EXPECT_EQ(read_timeline(run.path()).step, 3);
}

TEST_F(RunJournalTest, AStepThatNobodyKnowsIsRefused) {
  EXPECT_THAT(error_of([&] { read_timeline(run.path(), 9); }), testing::HasSubstr("in step 9"));
  EXPECT_THAT(error_of([&] { last_records(run.path(), 9); }),
              testing::HasSubstr("has no step 9: its last is 3"));
  EXPECT_THAT(error_of([&] { last_records(run.path() + "/journal", 1); }),
              testing::HasSubstr("no journal in it"));
}

TEST_F(RunJournalTest, EveryNodesLastRecordIsOfTheStepOrOneBefore) {
  Journal(run.path() + "/journal/b")
      .append(encode(stage_node(4)), Journal::Durability::process_crash);
  for (const auto& record : last_records(run.path(), 1)) EXPECT_EQ(record.step, 1);
  const auto last = last_records(run.path(), 4);
  ASSERT_EQ(last.size(), 2u);
  EXPECT_EQ(last[0].step, 3);
  EXPECT_EQ(last[1].step, 4);
}

TEST_F(RunJournalTest, RecordsBetweenTwoStepsComeNodeByNodeInOrder) {
  std::vector<std::string> found;
  for (const auto& record : records_between(run.path(), 1, 2))
    found.push_back(record.node + std::to_string(record.step));
  EXPECT_THAT(found, testing::ElementsAre("a1", "a2", "b1", "b2"));
}

}  // namespace
}  // namespace troupe
