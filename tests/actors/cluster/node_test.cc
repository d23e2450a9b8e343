#include "actors/cluster/node.h"

#include "tests/actors/cluster/tiny_cluster.h"

namespace troupe {
namespace {

using std::chrono_literals::operator""s;

// The test is the supervisor.
class NodeTest : public TinyCluster {
 protected:
  int take_heartbeats() {
    int count = 0;
    while (self->has_next_message())
      self->receive([&](const Heartbeat& beat) { count += beat.node == "a"; });
    return count;
  }

  void shut_down() {
    self->send(made, Shutdown{});
    scheduler.run();
  }

  // An actor that only kill() ends.
  caf::actor stubborn_actor() {
    return spawn([](caf::event_based_actor* self) {
      self->set_exit_handler([self](const caf::exit_msg& exit) {
        if (exit.reason == caf::exit_reason::remote_link_unreachable) self->quit(exit.reason);
      });
      return caf::behavior{[](int) {}};
    });
  }

  Node made = new_node("a", caf::actor_cast<Supervisor>(self));
};

TEST_F(NodeTest, BeatsAtTheIntervalAlsoWhileItStops) {
  EXPECT_EQ(take_heartbeats(), 1);
  advance(1s);
  EXPECT_EQ(take_heartbeats(), 1);
  host(made, "policy/pp0", stubborn_actor());
  shut_down();
  for (int second = 0; second < 3; ++second) advance(1s);
  EXPECT_EQ(take_heartbeats(), 3);
}

TEST_F(NodeTest, TellsWhichActorDiedAndWhy) {
  const auto stage = spawn([](caf::event_based_actor* self) {
    return caf::behavior{
        [self](const std::string& why) { self->quit(caf::make_error(ActorError::failed, why)); }};
  });
  host(made, "policy/pp0", stage);
  take_heartbeats();
  self->send(stage, std::string("no memory"));
  scheduler.run();
  ASSERT_TRUE(self->has_next_message());
  self->receive([](const ActorDied& died) {
    EXPECT_EQ(died.node, "a");
    EXPECT_EQ(died.address, "policy/pp0");
    EXPECT_EQ(died.reason, "no memory");
  });
  EXPECT_FALSE(ended.contains("a"));
}

TEST_F(NodeTest, EndsItsActorsAndItsJournalAndLeaves) {
  host(made, "policy/pp0");
  host(made, "rollout/0");
  take_heartbeats();
  EXPECT_FALSE(has_final_record("a"));
  shut_down();
  for (const char* name : {"policy/pp0", "rollout/0", "a"})
    EXPECT_TRUE(ended.contains(name)) << name;
  EXPECT_FALSE(ended["a"]) << "a node that was told to leave does so in order";
  EXPECT_TRUE(has_final_record("a"));
  EXPECT_FALSE(self->has_next_message()) << "a death in order is told to nobody";
}

TEST_F(NodeTest, AnActorThatDoesNotEndIsNamedAndLeftBehind) {
  host(made, "policy/pp0", stubborn_actor());
  shut_down();
  advance(4s);
  EXPECT_FALSE(ended.contains("a"));
  advance(2s);
  EXPECT_TRUE(ended.contains("a"));
  EXPECT_TRUE(has_final_record("a"));
  EXPECT_EQ(log, std::vector<std::string>{"actor policy/pp0 has not ended in time"});
}

TEST_F(NodeTest, AnActorThatComesTooLateIsEndedToo) {
  host(made, "policy/pp0", stubborn_actor());
  shut_down();
  host(made, "policy/pp1");
  EXPECT_TRUE(ended.contains("policy/pp1"));
}

TEST_F(NodeTest, ANodeWithoutItsLauncherEndsAndSaysThatThisWasNotAskedFor) {
  kill(directory);
  ASSERT_TRUE(ended.contains("a"));
  EXPECT_EQ(ended["a"], caf::exit_reason::remote_link_unreachable);
  EXPECT_FALSE(has_final_record("a"));
}

}  // namespace
}  // namespace troupe
