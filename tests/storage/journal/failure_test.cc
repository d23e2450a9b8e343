#include "storage/journal/failure.h"

#include <gtest/gtest.h>

#include "tests/temporary_folder.h"

namespace troupe {
namespace {

TEST(FailureTest, TheFirstOneStaysUntilTheRunGoesOnAndThenInTheHistory) {
  TemporaryFolder run;
  EXPECT_FALSE(read_failure(run.path()));
  note_failure(run.path(), {"judge", 7, "was killed", 12, {"one", "broken \xff line"}});
  note_failure(run.path(), {"office", 8, "lost its launcher", 13, {}});
  const auto found = read_failure(run.path());
  ASSERT_TRUE(found);
  EXPECT_EQ(found->node, "judge");
  EXPECT_EQ(found->pid, 7);
  EXPECT_EQ(found->what, "was killed");
  EXPECT_EQ(found->wall_time_ns, 12);
  ASSERT_EQ(found->log.size(), 2u);
  EXPECT_EQ(found->log[0], "one");
  shelve_failure(run.path());
  EXPECT_FALSE(read_failure(run.path()));
  shelve_failure(run.path());
  note_failure(run.path(), {"office", 9, "fell silent", 20, {}});
  const auto all = read_failures(run.path());
  ASSERT_EQ(all.size(), 2u);
  EXPECT_EQ(all[0].what, "was killed");
  EXPECT_EQ(all[0].log.at(0), "one");
  EXPECT_EQ(all[1].node, "office");
}

// A run that filled its disk must go on all the same.
TEST(FailureTest, OneThatWasCutOffIsNone) {
  TemporaryFolder run;
  for (const char* text : {"", "{\"node\": \"jud", "[]"}) {
    rewrite(run / "failure.json", text);
    EXPECT_FALSE(read_failure(run.path())) << text;
    EXPECT_NO_THROW(shelve_failure(run.path())) << text;
    EXPECT_TRUE(read_failures(run.path()).empty()) << text;
  }
}

}  // namespace
}  // namespace troupe
