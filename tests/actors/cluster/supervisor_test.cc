// How a run ends, decided with real node actors and with the test as a node, on the test's clock.
#include "actors/cluster/supervisor.h"

#include <csignal>

#include "actors/cluster/child_process.h"
#include "tests/actors/cluster/tiny_cluster.h"

namespace troupe {
namespace {

using std::chrono_literals::operator""s;

const ExitStatus kExitedWell{false, 0};
const ExitStatus kKilled{true, SIGKILL};

class SupervisorTest : public TinyCluster {
 protected:
  using Events = std::vector<std::string>;

  Supervisor new_supervisor() {
    SupervisorConfig config;
    config.nodes = {"a", "b"};
    config.start = start;
    config.report = [this](const NodeFailure& failure) {
      events.push_back("report: " + failure.node + " " + failure.what);
      reported_pid = failure.pid;
    };
    config.ready = [this] { events.push_back("ready"); };
    config.ended = [this](const RunOutcome& how) {
      events.push_back("ended: " + how.failure);
      outcome = how;
      for (auto pid : pids) EXPECT_NE(::kill(pid, 0), 0) << "process " << pid << " was left";
    };
    auto made = spawn(supervisor, config);
    self->send(made, StartNodes{});
    scheduler.run();
    return made;
  }

  // From now on every node has a process, which would outlast the test.
  void start_processes() {
    start = [this](const std::string& node, const Process::OnExit&) {
      auto process = std::make_unique<ChildProcess>(std::vector<std::string>{"/bin/sleep", "1000"},
                                                    folder / node + ".log", [](ExitStatus) {});
      pids.push_back(process->pid());
      return process;
    };
  }

  // Makes the test a node, which beats only now and never leaves.
  void join(const Supervisor& supervisor, const std::string& node) {
    self->send(supervisor, Heartbeat{node});
    scheduler.run();
  }

  template <class Message>
  void tell(const Supervisor& supervisor, const Message& message) {
    self->send(supervisor, message);
    scheduler.run();
  }

  std::function<std::unique_ptr<Process>(const std::string&, Process::OnExit)> start =
      [](const std::string&, const Process::OnExit&) { return nullptr; };
  Events events;
  RunOutcome outcome;
  pid_t reported_pid = 0;
  std::vector<pid_t> pids;
};

TEST_F(SupervisorTest, AnExitIsReportedBeforeTheRunEndsAndNoProcessIsLeftThen) {
  start_processes();
  const auto supervisor = new_supervisor();
  new_node("a", supervisor);
  new_node("b", supervisor);
  tell(supervisor, ProcessExited{"b", kKilled});
  EXPECT_EQ(events, (Events{"report: b was killed by signal 9 (Killed)",
                            "ended: node b was killed by signal 9 (Killed)"}));
  EXPECT_EQ(reported_pid, pids.at(1));
  EXPECT_FALSE(outcome.ok);
  EXPECT_TRUE(outcome.reported);
}

TEST_F(SupervisorTest, OfTwoFailuresTheFirstIsReported) {
  const auto supervisor = new_supervisor();
  self->send(supervisor, ActorDied{"a", "critic/pp0", "no memory"});
  self->send(supervisor, ProcessExited{"b", kKilled});
  self->send(supervisor, RunEnded{});
  scheduler.run();
  EXPECT_EQ(events, (Events{"report: a lost its actor critic/pp0: no memory",
                            "ended: node a lost its actor critic/pp0: no memory"}));
}

TEST_F(SupervisorTest, SilencePastTheLimitEndsTheRunAndABeatingNodeIsNotSilent) {
  const auto supervisor = new_supervisor();
  new_node("a", supervisor);
  join(supervisor, "b");
  for (int second = 1; second <= 15; ++second) advance(1s);
  EXPECT_EQ(events, Events{});
  advance(1s);
  ASSERT_EQ(events.size(), 2u);
  EXPECT_EQ(events[0].rfind("report: b silent since ", 0), 0u) << events[0];
  EXPECT_NE(events[0].find("(16 s; the limit is 15 s)"), std::string::npos) << events[0];
  EXPECT_EQ(events[1].rfind("ended: node b silent since ", 0), 0u) << events[1];
}

TEST_F(SupervisorTest, RunEndedStopsAllNodesAndTheirActors) {
  const auto supervisor = new_supervisor();
  const auto a = new_node("a", supervisor), b = new_node("b", supervisor);
  host(a, "policy/pp0");
  host(b, "rollout/0");
  tell(supervisor, RunEnded{});
  EXPECT_EQ(events, Events{"ended: "});
  EXPECT_TRUE(outcome.ok);
  for (const char* name : {"policy/pp0", "rollout/0", "a", "b"})
    EXPECT_TRUE(ended.contains(name)) << name;
  for (const char* node : {"a", "b"}) EXPECT_TRUE(has_final_record(node)) << node;
}

TEST_F(SupervisorTest, TheEndIsToldWhenTheLastNodeHasLeft) {
  const auto supervisor = new_supervisor();
  new_node("a", supervisor);
  join(supervisor, "b");
  tell(supervisor, RunEnded{"the loss is not a number"});
  ASSERT_TRUE(self->has_next_message());
  self->receive([](Shutdown) {});
  EXPECT_EQ(events, Events{});
  tell(supervisor, ProcessExited{"b", kExitedWell});
  EXPECT_EQ(events, Events{"ended: the loss is not a number"});
  EXPECT_FALSE(outcome.ok);
  EXPECT_FALSE(outcome.reported);
}

TEST_F(SupervisorTest, ANodeThatHasNotJoinedIsEndedAtOnceSinceItCannotBeAsked) {
  start_processes();
  const auto supervisor = new_supervisor();
  join(supervisor, "a");
  tell(supervisor, RunEnded{});
  EXPECT_EQ(::kill(pids.at(0), 0), 0);
  EXPECT_NE(::kill(pids.at(1), 0), 0);
  EXPECT_EQ(events, Events{});
  tell(supervisor, ProcessExited{"a", kExitedWell});
  EXPECT_EQ(events, Events{"ended: "});
}

TEST_F(SupervisorTest, ABrokenLinkWaitsForTheExitWhichTellsMore) {
  start_processes();
  const auto supervisor = new_supervisor();
  const auto b = new_node("b", supervisor);
  kill(b);
  EXPECT_EQ(events, Events{});
  tell(supervisor, ProcessExited{"b", kKilled});
  EXPECT_EQ(events.at(0), "report: b was killed by signal 9 (Killed)");
}

TEST_F(SupervisorTest, ABrokenLinkWithoutAnExitIsAFailureASecondLater) {
  start_processes();
  const auto supervisor = new_supervisor();
  const auto b = new_node("b", supervisor);
  kill(b);
  advance(1s);
  EXPECT_EQ(events.at(0), "report: b lost its connection to the launcher");
}

TEST_F(SupervisorTest, ANodeThatCannotBeStartedEndsTheRun) {
  int num_starts = 0;
  start = [&](const std::string& node, const Process::OnExit&) -> std::unique_ptr<Process> {
    ++num_starts;
    throw Error("no program for " + node);
  };
  new_supervisor();
  EXPECT_EQ(events, (Events{"report: a cannot be started: no program for a",
                            "ended: node a cannot be started: no program for a"}));
  EXPECT_EQ(num_starts, 1);
}

TEST_F(SupervisorTest, ASecondSignalEndsTheRunAtOnce) {
  const auto supervisor = new_supervisor();
  join(supervisor, "b");
  tell(supervisor, StopRun{SIGINT});
  EXPECT_EQ(events, Events{});
  tell(supervisor, StopRun{SIGTERM});
  EXPECT_EQ(events, Events{"ended: stopped by signal 15"});
  EXPECT_EQ(outcome.signal, SIGTERM);
}

TEST_F(SupervisorTest, TheRunIsReadyWhenAllNodesAre) {
  const auto supervisor = new_supervisor();
  tell(supervisor, NodeReady{"b"});
  EXPECT_EQ(events, Events{});
  tell(supervisor, NodeReady{"a"});
  EXPECT_EQ(events, Events{"ready"});
}

}  // namespace
}  // namespace troupe
