// Clusters of real processes: what happens when one of them dies, hangs, or is told to leave.
#include "actors/cluster/cluster.h"

#include <gtest/gtest.h>

#include <csignal>
#include <filesystem>
#include <fstream>

#include "storage/journal/journal.h"
#include "storage/journal/node_record.h"
#include "tests/actors/cluster/echo.h"

namespace troupe {
namespace {

using std::chrono_literals::operator""s;
using Clock = std::chrono::steady_clock;

class ClusterTest : public testing::Test {
 protected:
  ClusterTest() {
    auto pattern = (std::filesystem::temp_directory_path() / "troupe-test-XXXXXX").string();
    run_dir = mkdtemp(pattern.data());
  }
  ~ClusterTest() override { std::filesystem::remove_all(run_dir); }

  std::unique_ptr<Cluster> start(ClusterPlan plan) {
    return Cluster::start(echo_options(std::move(plan), run_dir, &report));
  }

  // No process is left, not even a zombie.
  void expect_all_gone(const std::vector<pid_t>& pids) {
    for (auto pid : pids) EXPECT_NE(kill(pid, 0), 0) << pid;
  }

  std::string run_dir, report;
};

using Echo =
    caf::typed_actor<caf::replies_to<GetStats>::with<NodeStats>, caf::reacts_to<TrainingStep>>;

std::string ask(Cluster& cluster, const std::string& address) {
  caf::scoped_actor self(cluster.system());
  std::string answer;
  self->request(cluster.find<Echo>(address), 10s, GetStats{})
      .receive([&](const NodeStats& stats) { answer = stats.record; },
               [&](const caf::error& error) { answer = text_of(error); });
  return answer;
}

TEST_F(ClusterTest, ActorsInOtherProcessesAnswerAndTheRunEndsInOrder) {
  auto cluster = start(echo_plan(2));
  auto pids = node_pids(run_dir);
  ASSERT_EQ(pids.size(), 2);
  EXPECT_EQ(ask(*cluster, "echo/0"), "echo/0@node-0");
  EXPECT_EQ(ask(*cluster, "echo/1@node-1"), "echo/1@node-1");
  caf::anon_send(cluster->context().supervisor, RunEnded{});
  auto outcome = cluster->wait();
  EXPECT_TRUE(outcome.ok) << outcome.failure;
  EXPECT_EQ(report, "");
  expect_all_gone(pids);
  auto last = decode_node_record(JournalReader(run_dir + "/journal/node-1").last().value());
  EXPECT_TRUE(last.final);
  EXPECT_EQ(last.pid, pids[1]);
}

TEST_F(ClusterTest, OneProcessHostsThemAllTheSameWay) {
  auto options = echo_options(echo_plan(2), run_dir, &report);
  options.one_process = true;
  auto cluster = Cluster::start(options);
  EXPECT_TRUE(node_pids(run_dir).empty());
  EXPECT_EQ(ask(*cluster, "echo/1"), "echo/1@launcher");
  caf::anon_send(cluster->context().supervisor, RunEnded{});
  EXPECT_TRUE(cluster->wait().ok);
}

TEST_F(ClusterTest, AKilledNodeEndsTheRunWithItsNameSignalAndLastLogLines) {
  auto cluster = start(echo_plan(3));
  auto pids = node_pids(run_dir);
  auto killed_at = Clock::now();
  kill(pids[1], SIGKILL);
  auto outcome = cluster->wait();
  EXPECT_LT(Clock::now() - killed_at, 5s);
  EXPECT_FALSE(outcome.ok);
  EXPECT_EQ(outcome.failure, "node node-1 was killed by signal 9 (Killed)");
  EXPECT_EQ(report.rfind("troupe: error: node node-1 (pid " + std::to_string(pids[1]) +
                             ") was killed by signal 9 (Killed)\n",
                         0),
            0)
      << report;
  EXPECT_NE(report.find("info: node node-1 is ready"), std::string::npos) << report;
  expect_all_gone(pids);
}

TEST_F(ClusterTest, AHangingNodeIsReportedAsSilentAndKilled) {
  auto cluster = start(echo_plan(2));
  auto pids = node_pids(run_dir);
  kill(pids[0], SIGSTOP);
  auto outcome = cluster->wait();
  EXPECT_EQ(outcome.failure.rfind("node node-0 silent since ", 0), 0) << outcome.failure;
  EXPECT_NE(report.find("the limit is 1.5 s"), std::string::npos) << report;
  expect_all_gone(pids);
}

TEST_F(ClusterTest, AFactoryThatThrowsEndsTheRunBeforeItStarts) {
  auto plan = echo_plan(2);
  plan.actors[1].kind = "broken";
  auto cluster = start(plan);
  EXPECT_TRUE(cluster->ended());
  EXPECT_NE(cluster->wait().failure.find("no room for echo/1"), std::string::npos) << report;
  expect_all_gone(node_pids(run_dir));
}

TEST_F(ClusterTest, AnActorThatDiesOfAnExceptionEndsTheRunWithTheExceptionsText) {
  auto plan = echo_plan(2);
  plan.actors[0].kind = "fragile";
  auto cluster = start(plan);
  caf::anon_send(cluster->find<Echo>("echo/0"), TrainingStep{7});
  auto outcome = cluster->wait();
  EXPECT_NE(outcome.failure.find("node node-0 lost its actor echo/0"), std::string::npos);
  EXPECT_NE(outcome.failure.find("step.step = 7"), std::string::npos) << outcome.failure;
}

}  // namespace
}  // namespace troupe
