#include "actors/cluster/cluster_watch.h"

#include <gtest/gtest.h>

#include <csignal>

namespace troupe {
namespace {

using std::chrono_literals::operator""ms;
using std::chrono_literals::operator""s;

const ExitStatus kExitedWell{false, 0};
const ExitStatus kKilled{true, SIGKILL};

class ClusterWatchTest : public testing::Test {
 protected:
  ClusterWatch::Time start{};
  ClusterWatch watch{{"a", "b"}, {}, start};

  // Beats of both nodes and a tick each second.
  void pass(std::chrono::seconds from, std::chrono::seconds to, bool b_beats) {
    for (auto at = from; at <= to; at += 1s) {
      watch.heard_from("a", start + at);
      if (b_beats) watch.heard_from("b", start + at);
      EXPECT_FALSE(watch.tick(start + at)) << at.count();
    }
  }
};

TEST_F(ClusterWatchTest, SilenceIsAFailureOnlyPastTheLimit) {
  pass(0s, 10s, true);
  pass(11s, 25s, false);
  watch.heard_from("a", start + 26s);
  auto failure = watch.tick(start + 26s);
  ASSERT_TRUE(failure);
  EXPECT_EQ(failure->node, "b");
  EXPECT_EQ(failure->what.rfind("silent since ", 0), 0) << failure->what;
  EXPECT_NE(failure->what.find("(16 s; the limit is 15 s)"), std::string::npos) << failure->what;
}

TEST_F(ClusterWatchTest, AfterThisProcessWasStoppedItselfNobodyIsCalledSilent) {
  pass(0s, 10s, true);
  EXPECT_FALSE(watch.tick(start + 500s));
  pass(501s, 510s, true);
  EXPECT_FALSE(watch.tick(start + 511s));
}

TEST_F(ClusterWatchTest, ANodeThatNeverJoinsIsNamed) {
  for (auto at = 0s; at <= 60s; at += 1s) {
    watch.heard_from("a", start + at);
    EXPECT_FALSE(watch.tick(start + at)) << at.count();
  }
  watch.heard_from("a", start + 61s);
  auto failure = watch.tick(start + 61s);
  ASSERT_TRUE(failure);
  EXPECT_EQ(failure->node, "b");
  EXPECT_EQ(failure->what, "has not joined within 60 s");
}

TEST_F(ClusterWatchTest, AnExitIsAFailureUnlessTheNodeWasToldToLeaveAndDidWell) {
  EXPECT_EQ(watch.process_exited("a", kExitedWell)->what, "exited with status 0");
  EXPECT_FALSE(watch.process_exited("a", kKilled)) << "reported twice";
  watch.stop(start);
  EXPECT_FALSE(watch.all_ended());
  EXPECT_FALSE(watch.process_exited("b", kExitedWell));
  EXPECT_TRUE(watch.all_ended());
}

TEST_F(ClusterWatchTest, ADeathWhileStoppingIsAFailure) {
  watch.stop(start);
  EXPECT_EQ(watch.process_exited("a", kKilled)->what,
            "was killed by signal 9 (Killed) while it was to stop");
}

TEST_F(ClusterWatchTest, ANodeThatDoesNotStopIsNamed) {
  watch.heard_from("a", start);
  watch.stop(start);
  watch.left("b");
  for (auto at = 1s; at <= 10s; at += 1s) EXPECT_FALSE(watch.tick(start + at));
  EXPECT_EQ(watch.tick(start + 11s)->what, "has not stopped within 10 s");
}

TEST_F(ClusterWatchTest, ABrokenLinkIsAFailureOnlyOfANodeThatShouldBeThere) {
  EXPECT_TRUE(watch.link_lost("a"));
  watch.process_exited("b", kKilled);
  EXPECT_FALSE(watch.link_lost("b"));
  watch.stop(start);
  EXPECT_FALSE(watch.link_lost("a"));
}

TEST_F(ClusterWatchTest, AllAreReadyWhenEachIs) {
  watch.ready("a");
  EXPECT_FALSE(watch.all_ready());
  watch.ready("b");
  EXPECT_TRUE(watch.all_ready());
}

}  // namespace
}  // namespace troupe
