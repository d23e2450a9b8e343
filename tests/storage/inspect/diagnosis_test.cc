#include "storage/inspect/diagnosis.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace troupe {
namespace {

using testing::HasSubstr;
using testing::StartsWith;

constexpr int64_t kSecond = 1'000'000'000;
constexpr int64_t kNow = 1'000'000 * kSecond;

NodeRecord node(const std::string& name, int64_t pid, int64_t age_seconds = 0) {
  return {.node = name,
          .pid = pid,
          .wall_time_ns = kNow - age_seconds * kSecond,
          .steady_ns = 500 * kSecond,
          .step = 7};
}

ActorRecord actor(const std::string& address, const std::string& kind) {
  return {.address = address, .kind = kind};
}

DiagnosisInput input() {
  DiagnosisInput input;
  input.records = {node("judge", 10), node("office", 11), node("trainer-0", 12),
                   node("trainer-1", 13)};
  input.records[0].actors = {actor("reward/pp0", "stage")};
  input.records[1].actors = {actor("coordinator", "coordinator")};
  input.records[2].actors = {actor("policy/pp0", "stage")};
  input.records[3].actors = {actor("policy/pp1", "stage")};
  input.state_of = [](const NodeRecord&) { return ProcessState::runs; };
  input.wall_time_ns = kNow;
  return input;
}

TEST(DiagnosisTest, NodesThatAllRunAreHealthy) {
  const auto found = diagnose(input());
  EXPECT_EQ(found.verdict, Diagnosis::Verdict::healthy);
  EXPECT_EQ(found.text, "healthy: 4 nodes run, at step 7\n");
}

TEST(DiagnosisTest, ARunThatEndedInOrderIsHealthyHoweverLongAgo) {
  auto ended = input();
  for (auto& record : ended.records) {
    record.final = true;
    record.wall_time_ns -= 3600 * kSecond;
    record.actors[0].waits = {{"policy/pp0", "hidden", record.steady_ns - 60 * kSecond}};
  }
  ended.state_of = [](const NodeRecord&) { return ProcessState::gone; };
  EXPECT_EQ(diagnose(ended).text, "healthy: 4 nodes ended in order, at step 7\n");
}

TEST(DiagnosisTest, AStoppedNodeIsNamedWithWhoWaitsForItAndSinceWhen) {
  auto stopped = input();
  stopped.records[3].wall_time_ns -= 3 * kSecond;
  stopped.records[2].actors[0].waits = {
      {"policy/pp1", "gradient of micro-batch 2", stopped.records[2].steady_ns - 2 * kSecond}};
  stopped.state_of = [](const NodeRecord& record) {
    return record.pid == 13 ? ProcessState::stopped : ProcessState::runs;
  };
  const auto found = diagnose(stopped);
  EXPECT_EQ(found.verdict, Diagnosis::Verdict::waiting);
  EXPECT_THAT(found.text, StartsWith("waiting: node trainer-1 (pid 13) is stopped since "));
  EXPECT_THAT(found.text, HasSubstr("(3.0 s); it hosts policy/pp1\n"));
  EXPECT_THAT(found.text,
              HasSubstr("policy/pp0 waits for policy/pp1: gradient of micro-batch 2, since "));
  EXPECT_THAT(found.text, HasSubstr("(2.0 s)"));
}

TEST(DiagnosisTest, ANodeWhoseRecordIsOldIsSilent) {
  auto silent = input();
  silent.records[0].wall_time_ns -= 6 * kSecond;
  EXPECT_THAT(diagnose(silent).text, StartsWith("waiting: node judge (pid 10) is silent since "));
}

TEST(DiagnosisTest, ALongWaitForAnActorThatDoesNothingIsNoOrdinaryOne) {
  auto stuck = input();
  stuck.records[1].actors[0].waits = {
      {"policy", "trajectories", stuck.records[1].steady_ns - 11 * kSecond}};
  EXPECT_EQ(diagnose(stuck).verdict, Diagnosis::Verdict::waiting);
  EXPECT_THAT(diagnose(stuck).text, HasSubstr("coordinator waits for policy: trajectories"));
  stuck.records[2].actors[0].current_handler_ns = 12 * kSecond;
  EXPECT_EQ(diagnose(stuck).verdict, Diagnosis::Verdict::healthy);
}

TEST(DiagnosisTest, TheFailureThatTheLauncherNotedComesFirstWithMessagesAndLog) {
  auto dead = input();
  dead.failure = FailureRecord{"judge", 10, "was killed by signal 9 (Killed)", kNow, {"last line"}};
  dead.records[0].actors[0].edges = {
      {.sender_system = "elsewhere", .message = "troupe::RunBatch", .last_ns = 499 * kSecond}};
  dead.state_of = [](const NodeRecord&) { return ProcessState::gone; };
  const auto found = diagnose(dead);
  EXPECT_EQ(found.verdict, Diagnosis::Verdict::dead);
  EXPECT_THAT(found.text,
              StartsWith("dead: node judge (pid 10) was killed by signal 9 (Killed) at "));
  EXPECT_THAT(found.text, HasSubstr("reward/pp0 had handled RunBatch from ? 1.0 s before"));
  EXPECT_THAT(found.text, HasSubstr("| last line\n"));
}

TEST(DiagnosisTest, OfNodesThatAreGoneWithoutAWordTheOneThatWasHeardOfFirstIsNamed) {
  auto dead = input();
  dead.records[2].wall_time_ns -= kSecond;
  dead.state_of = [](const NodeRecord&) { return ProcessState::gone; };
  EXPECT_THAT(diagnose(dead).text,
              StartsWith("dead: 4 of 4 nodes are gone without a word; the first was node "
                         "trainer-0 (pid 12), last heard of at "));
}

}  // namespace
}  // namespace troupe
