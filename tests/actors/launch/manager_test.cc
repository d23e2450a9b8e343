// A resident cluster without processes: the manager with real members and with the test as a run,
// on the test's clock.
#include "actors/launch/manager.h"

#include <csignal>
#include <fstream>

#include "tests/actors/actor_test.h"
#include "tests/actors/launch/fake_process.h"
#include "tests/temporary_folder.h"

namespace troupe {
namespace {

using std::chrono_literals::operator""s;
using Lines = std::vector<std::string>;

const ExitStatus kKilled{true, SIGKILL};

class ManagerTest : public ActorTest {
 protected:
  ManagerTest() {
    std::ofstream(folder / "config.yaml") << "run: {}\n";
    ManagerConfig config;
    config.members = {{"a", 2, true}, {"b", 4, false}};
    config.limits.max_restarts = 1;
    config.start = [this](const std::string& member, Process::OnExit on_exit) {
      return start(member, std::move(on_exit));
    };
    config.report = [this](const std::string& line) { report.push_back(line); };
    config.ended = [this](const std::string& failure) { ended.push_back(failure); };
    cluster = spawn(manager, config);
    self->send(cluster, StartMembers{});
    scheduler.run();
  }

  std::unique_ptr<Process> start(const std::string& name, Process::OnExit on_exit) {
    const auto log = std::make_shared<FakeProcess::Log>(FakeProcess::Log{std::move(on_exit)});
    started[name].push_back(log);
    return std::make_unique<FakeProcess>(log, 100 + static_cast<pid_t>(started[name].size()));
  }

  // A member on this host, whose nodes are fake too.
  Member join(const std::string& name) {
    MemberConfig config;
    config.self = {.member = name, .host = "here", .address = "127.0.0.1", .pid = 7};
    config.manager = cluster;
    config.start = [this](const StartNode& node, int, Process::OnExit on_exit) {
      return start(node.node, std::move(on_exit));
    };
    config.log = [](const std::string&) {};
    auto made = spawn(member, config);
    made->attach_functor([this, name](const caf::error&) { left.push_back(name); });
    scheduler.run();
    return made;
  }

  Queued reserve(const Lines& nodes) {
    Reserve wanted{.run = "run", .client = caf::actor_cast<caf::strong_actor_ptr>(self)};
    for (const auto& node : nodes) wanted.nodes.push_back({node, ""});
    const auto queued = ask<Queued>(cluster, wanted);
    EXPECT_TRUE(queued) << text_of(queued.error());
    return *queued;
  }

  StartNode start_node(int64_t run, const std::string& node) const {
    return {.run = run,
            .node = node,
            .run_dir = folder.path(),
            .config_checksum = config_checksum(folder.path())};
  }

  // The next message of this type to the run; fails without one.
  template <class Message>
  Message next() {
    Message message;
    self->receive([&](const Message& got) { message = got; },
                  caf::after(0s) >> [] { ADD_FAILURE() << "nothing came"; });
    return message;
  }

  bool nothing_came() {
    bool nothing = false;
    self->receive([](const Granted&) {}, [](const NodeExited&) {}, [](const ClusterStops&) {},
                  caf::after(0s) >> [&] { nothing = true; });
    return nothing;
  }

  TemporaryFolder folder;
  Manager cluster;
  std::map<std::string, std::vector<std::shared_ptr<FakeProcess::Log>>> started;
  Lines report, ended, left;
};

TEST_F(ManagerTest, OnlyTheMembersThatAreOursAreStarted) {
  EXPECT_EQ(started.size(), 1u);
  EXPECT_EQ(started["a"].size(), 1u);
}

TEST_F(ManagerTest, ARunIsGrantedItsPlacesAndItsNodesStartAndEndThere) {
  join("a");
  const auto run = reserve({"x"});
  EXPECT_EQ(run.waiting, "");
  const auto granted = next<Granted>();
  ASSERT_EQ(granted.places.size(), 1u);
  EXPECT_EQ(granted.places[0].member, "a");
  EXPECT_EQ(granted.places[0].endpoint, "");  // on loopback the run picks one itself
  const auto node = ask<NodeStarted>(cluster, start_node(run.id, "x"));
  ASSERT_TRUE(node) << text_of(node.error());
  EXPECT_EQ(node->pid, 101);
  started["x"][0]->on_exit({false, 3});
  scheduler.run();
  const auto exited = next<NodeExited>();
  EXPECT_EQ(exited.node, "x");
  EXPECT_EQ(exited.number, 3);
  EXPECT_FALSE(exited.by_signal);
}

TEST_F(ManagerTest, AWaitingRunIsGrantedWhenAMemberJoins) {
  EXPECT_EQ(reserve({"x", "y", "z"}).waiting, "3 slots (free now: none)");
  EXPECT_TRUE(nothing_came());
  join("b");
  EXPECT_EQ(next<Granted>().places.size(), 3u);
}

TEST_F(ManagerTest, ARunThatIsReleasedLeavesNoNodeBehind) {
  join("a");
  const auto run = reserve({"x"});
  next<Granted>();
  ask<NodeStarted>(cluster, start_node(run.id, "x"));
  self->send(cluster, Release{run.id});
  scheduler.run();
  EXPECT_TRUE(started["x"][0]->destroyed);
  EXPECT_EQ(ask<ClusterStatus>(cluster, GetCluster{})->runs.size(), 0u);
}

TEST_F(ManagerTest, ARunFolderThatTheMemberSeesDifferentlyIsRefused) {
  join("a");
  const auto run = reserve({"x"});
  auto node = start_node(run.id, "x");
  ++node.config_checksum;
  const auto refused = ask<NodeStarted>(cluster, node);
  ASSERT_FALSE(refused);
  EXPECT_NE(text_of(refused.error()).find("is not to be seen on here (cluster node a)"),
            std::string::npos);
}

TEST_F(ManagerTest, AMemberThatDiesTakesItsNodesAlongAndIsStartedAgainUntilItIsGivenUp) {
  join("a");
  join("b");
  const auto run = reserve({"a"});
  next<Granted>();
  ask<NodeStarted>(cluster, start_node(run.id, "a"));
  started["a"][0]->on_exit(kKilled);
  scheduler.run();
  EXPECT_EQ(next<NodeExited>().unseen,
            "was lost with the cluster's node a, which was killed by signal 9 (Killed)");
  EXPECT_EQ(report.back(), "node a was killed by signal 9 (Killed); started again");
  const auto again = started["a"].size();
  EXPECT_EQ(again, 3u);  // the member twice, and the run's node of this name between
  join("a");
  started["a"].back()->on_exit(kKilled);
  scheduler.run();
  EXPECT_EQ(report.back(), "node a was killed by signal 9 (Killed); given up");
  EXPECT_EQ(started["a"].size(), again);
  EXPECT_TRUE(ended.empty());  // b is there
}

TEST_F(ManagerTest, AnEarlierStartsEndIsOldNews) {
  started["a"][0]->on_exit(kKilled);
  started["a"][0]->on_exit(kKilled);
  scheduler.run();
  EXPECT_EQ(report, Lines{"node a was killed by signal 9 (Killed); started again"});
}

TEST_F(ManagerTest, AMemberThatDoesNotJoinInTimeIsStartedAgain) {
  for (int second = 0; second <= 61; ++second) advance(1s);
  EXPECT_EQ(report, Lines{"node a has not joined within 60 s; started again"});
  EXPECT_TRUE(started["a"][0]->destroyed);
}

TEST_F(ManagerTest, AMemberThatPingsIsNotSilentAndOneThatDoesNotIs) {
  join("a");
  self->send(cluster, MemberJoined{"b", "there", "127.0.0.1", 8, 0,
                                   caf::actor_cast<caf::strong_actor_ptr>(self)});
  for (int second = 0; second <= 17; ++second) advance(1s);
  EXPECT_EQ(report.back(), "node b was silent for more than 15 s");
  EXPECT_EQ(ask<ClusterStatus>(cluster, GetCluster{})->members.at(0).state, "ready");
}

TEST_F(ManagerTest, ANameThatIsTakenIsRefusedToTheSecond) {
  join("a");
  join("a");
  EXPECT_EQ(left, Lines{"a"});
  EXPECT_NE(report.back().find("join under another --name"), std::string::npos);
}

TEST_F(ManagerTest, AMemberThatIsNotOursAndLeavesMayComeAgain) {
  const auto b = join("b");
  kill(b);
  EXPECT_EQ(report.back(), "node b left");
  join("b");
  EXPECT_EQ(report.back(), "node b joined: process 7 on here");
}

TEST_F(ManagerTest, StoppingAsksRunsFirstAndMembersWhenNoRunIsLeft) {
  join("a");
  const auto run = reserve({"x"});
  next<Granted>();
  self->send(cluster, StopCluster{});
  scheduler.run();
  next<ClusterStops>();
  EXPECT_TRUE(left.empty());
  self->send(cluster, Release{run.id});
  scheduler.run();
  EXPECT_EQ(left, Lines{"a"});
  advance(2s);
  EXPECT_EQ(ended, Lines{""});
}

TEST_F(ManagerTest, ARunThatDoesNotStopIsGivenItsTimeAndNoMore) {
  join("a");
  reserve({"x"});
  self->send(cluster, StopCluster{});
  for (int second = 0; second <= 22; ++second) advance(1s);
  EXPECT_EQ(left, Lines{"a"});
  EXPECT_EQ(ended, Lines{""});
}

TEST_F(ManagerTest, ASecondRequestStopsAtOnce) {
  join("a");
  reserve({"x"});
  self->send(cluster, StopCluster{});
  self->send(cluster, StopCluster{});
  scheduler.run();
  EXPECT_EQ(ended, Lines{""});
  EXPECT_TRUE(started["a"][0]->destroyed);
}

TEST_F(ManagerTest, WhatComesWhileStoppingIsRefused) {
  join("a");
  const auto waiting = reserve({"1", "2", "3", "4"});
  EXPECT_NE(waiting.waiting, "");
  self->send(cluster, StopCluster{});
  scheduler.run();
  EXPECT_EQ(next<Granted>().failure, "the cluster is being stopped");
  const Reserve late{
      .run = "late", .nodes = {{"x", ""}}, .client = caf::actor_cast<caf::strong_actor_ptr>(self)};
  EXPECT_FALSE(ask<Queued>(cluster, late));
}

}  // namespace
}  // namespace troupe
