#include "storage/inspect/node_lives.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include "storage/journal/journal.h"
#include "tests/temporary_folder.h"

namespace troupe {
namespace {

constexpr int64_t kSecond = 1'000'000'000;
constexpr int64_t kBoot = 1'000'000 * kSecond;  // when the machine started

// A record of the process `pid`, which started 1000 * pid seconds after the machine.
NodeRecord record(int64_t pid, int64_t seconds_of_life, bool final = false) {
  const int64_t steady = (1000 * pid + seconds_of_life) * kSecond;
  return {.node = "judge",
          .pid = pid,
          .process_start = static_cast<uint64_t>(1000 * pid * sysconf(_SC_CLK_TCK)),
          .host = "h",
          .wall_time_ns = kBoot + steady,
          .steady_ns = steady,
          .final = final};
}

// A process wrote six records and was lost, one wrote one, one ended in order after two.
class NodeLivesTest : public testing::Test {
 protected:
  NodeLivesTest() {
    Journal journal(run / "journal/judge");
    for (int64_t second = 1; second <= 6; ++second) write(journal, record(1, second));
    write(journal, record(2, 7));
    write(journal, record(3, 8));
    write(journal, record(3, 9, true));
  }
  static void write(Journal& journal, const NodeRecord& record) {
    journal.append(encode(record), Journal::Durability::process_crash);
  }
  TemporaryFolder run;
};

TEST_F(NodeLivesTest, AreTheProcessesThatWroteTheJournalWithStartAndEnd) {
  const auto lives = read_lives(run.path()).at("judge");
  ASSERT_EQ(lives.size(), 3u);
  for (size_t i = 0; i < 3; ++i) {
    const int64_t pid = static_cast<int64_t>(i) + 1;
    EXPECT_EQ(lives[i].pid, pid);
    EXPECT_EQ(lives[i].started_ns, kBoot + 1000 * pid * kSecond);
    EXPECT_EQ(lives[i].state, i == 2 ? "ended" : "lost");
  }
  EXPECT_EQ(lives[0].heard_ns, kBoot + 1006 * kSecond);
  EXPECT_EQ(lives[1].heard_ns, kBoot + 2007 * kSecond);
}

TEST_F(NodeLivesTest, AFailureBelongsToTheProcessOfItsTime) {
  note_failure(run.path(), {"judge", 1, "was killed", kBoot + 1007 * kSecond, {}});
  shelve_failure(run.path());
  note_failure(run.path(), {"judge", 2, "fell silent", kBoot + 2020 * kSecond, {}});
  const auto lives = read_lives(run.path()).at("judge");
  EXPECT_EQ(lives[0].failure, "was killed");
  EXPECT_EQ(lives[1].failure, "fell silent");
  EXPECT_EQ(lives[2].failure, "");
}

TEST_F(NodeLivesTest, OfAnEarlierMomentTheFailureIsNotKnownYet) {
  note_failure(run.path(), {"judge", 2, "fell silent", kBoot + 2020 * kSecond, {}});
  const auto all = read_lives(run.path()).at("judge");
  const auto then = lives_until(record(2, 5), "running", all);
  ASSERT_EQ(then.size(), 2u);
  EXPECT_EQ(then[1].state, "running");
  EXPECT_EQ(then[1].heard_ns, kBoot + 2005 * kSecond);
  EXPECT_EQ(then[1].failure, "");
  EXPECT_EQ(lives_until(record(2, 7), "lost", all)[1].failure, "fell silent");
}

TEST_F(NodeLivesTest, AClockThatSleptGivesTheFirstRecordsTime) {
  auto slept = record(9, 3);
  slept.steady_ns -= 9000 * kSecond;
  Journal journal(run / "journal/other");
  slept.node = "other";
  write(journal, slept);
  EXPECT_EQ(read_lives(run.path()).at("other").at(0).started_ns, slept.wall_time_ns);
}

}  // namespace
}  // namespace troupe
