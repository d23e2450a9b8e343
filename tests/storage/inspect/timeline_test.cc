#include "storage/inspect/timeline.h"

#include <gmock/gmock.h>

#include "storage/inspect/node_records.h"
#include "tests/storage/inspect/run_journal_test.h"

namespace troupe {
namespace {

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
