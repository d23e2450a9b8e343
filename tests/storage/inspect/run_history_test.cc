#include "storage/inspect/run_history.h"

#include <gmock/gmock.h>

#include "base/error.h"
#include "storage/inspect/node_records.h"
#include "tests/storage/inspect/run_journal_test.h"

namespace troupe {
namespace {

using testing::ElementsAre;

std::vector<int64_t> steps_of(const RunHistory& history) {
  std::vector<int64_t> steps;
  for (const auto& moment : history.moments) steps.push_back(moment.step);
  return steps;
}

TEST_F(RunJournalTest, HistoryHasWhatTheJournalsTellOfEachStepAlone) {
  const auto history = read_history(run.path(), 10);
  EXPECT_THAT(steps_of(history), ElementsAre(0, 1, 2, 3));
  for (const auto& moment : history.moments) {
    EXPECT_EQ(moment.topology.nodes.at(1).step, moment.step);
    const auto alone = read_timeline(run.path(), moment.step);
    ASSERT_TRUE(moment.timeline);
    EXPECT_EQ(moment.timeline->start_ns, alone.start_ns);
    EXPECT_EQ(moment.timeline->find("policy/pp0") == nullptr, alone.find("policy/pp0") == nullptr);
  }
}

TEST_F(RunJournalTest, OfManyStepsSomeAreChosenEvenlyWithTheFirstAndTheLast) {
  for (int64_t step = 4; step <= 20; ++step)
    Journal(run.path() + "/journal/a")
        .append(encode(coordinator_node(step)), Journal::Durability::process_crash);
  const auto history = read_history(run.path(), 5);
  EXPECT_EQ(history.num_steps, 21);
  EXPECT_THAT(steps_of(history), ElementsAre(0, 5, 10, 15, 20));
  for (const auto& moment : history.moments) {
    EXPECT_EQ(moment.topology.nodes.at(0).step, moment.step);
    EXPECT_EQ(moment.topology.nodes.at(1).step, std::min<int64_t>(moment.step, 3));
    EXPECT_EQ(moment.timeline->start_ns, 100 * moment.step);
  }
}

TEST_F(RunJournalTest, AStepThatAResumedRunDidAgainIsShownAsItWasDoneLast) {
  Journal journal(run.path() + "/journal/a");
  for (const int64_t step : {-1, 2}) {
    auto again = coordinator_node(step);
    again.pid = 77;
    journal.append(encode(again), Journal::Durability::process_crash);
  }
  const auto history = read_history(run.path(), 10);
  EXPECT_THAT(steps_of(history), ElementsAre(-1, 0, 1, 2, 3));
  for (const int64_t step : {0, 1, 2, 3}) {
    EXPECT_EQ(history.moments.at(step + 1).topology.nodes.at(0).pid, step < 2 ? 0 : 77);
    EXPECT_EQ(last_records(run.path(), step)[0].pid, step < 2 ? 0 : 77);
    EXPECT_EQ(read_timeline(run.path(), step).start_ns, 100 * step);
  }
}

TEST_F(RunJournalTest, OnlyTheLastMomentKnowsThatNodesAreLost) {
  const auto history = read_history(run.path(), 10);
  EXPECT_EQ(history.moments.front().topology.nodes.at(0).state, "running");
  EXPECT_EQ(history.moments.back().topology.nodes.at(0).state, "lost");
}

TEST(RunHistoryTest, AFolderThatIsNoRunsIsRefused) {
  EXPECT_THROW(read_history("/nonexistent", 10), UsageError);
}

}  // namespace
}  // namespace troupe
