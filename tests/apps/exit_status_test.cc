#include "apps/exit_status.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <CLI/CLI.hpp>

#include "base/error.h"

namespace troupe {
namespace {

// Exit status and stderr of a command that throws `error`.
template <class E>
std::pair<int, std::string> outcome(const E& error) {
  CLI::App app;
  testing::internal::CaptureStderr();
  const int status = exit_status_of(app, [&] { throw error; });
  return {status, testing::internal::GetCapturedStderr()};
}

TEST(ExitStatusTest, UsageIsTwoAndEverythingElseOne) {
  EXPECT_EQ(outcome(UsageError("bad key")), std::pair(2, std::string("troupe: error: bad key\n")));
  EXPECT_EQ(outcome(Error("node died")), std::pair(1, std::string("troupe: error: node died\n")));
  EXPECT_EQ(outcome(std::runtime_error("x")), std::pair(1, std::string("troupe: error: x\n")));
  EXPECT_EQ(outcome(std::bad_alloc()).first, 1);
  EXPECT_EQ(outcome(CLI::RuntimeError(4)), std::pair(4, std::string()));
  EXPECT_EQ(outcome(CLI::RequiredError("--model")).first, 2);
}

TEST(ExitStatusTest, ContextKeepsAUsageErrorOne) {
  CLI::App app;
  testing::internal::CaptureStderr();
  EXPECT_EQ(exit_status_of(app, [] { with_context("reading", [] { throw UsageError("bad"); }); }),
            2);
  EXPECT_EQ(testing::internal::GetCapturedStderr(), "troupe: error: bad\n  while reading\n");
}

TEST(ExitStatusTest, AMessageHasAtMostEightLines) {
  EXPECT_EQ(at_most_eight_lines("1\n2\n3\n4\n5\n6\n7\n8"), "1\n2\n3\n4\n5\n6\n7\n8");
  EXPECT_EQ(at_most_eight_lines("1\n2\n3\n4\n5\n6\n7\n8\n9\n"),
            "1\n2\n3\n4\n5\n6\n7\n  ... 2 more lines");
}

}  // namespace
}  // namespace troupe
