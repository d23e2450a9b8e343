#include "actors/cluster/directory.h"

#include "tests/actors/actor_test.h"

namespace troupe {
namespace {

class DirectoryTest : public ActorTest {
 protected:
  caf::strong_actor_ptr idle_actor() {
    return caf::actor_cast<caf::strong_actor_ptr>(
        spawn([](caf::event_based_actor*) { return caf::behavior{[](int) {}}; }));
  }

  caf::strong_actor_ptr spawn_follower() {
    return caf::actor_cast<caf::strong_actor_ptr>(spawn([this](caf::event_based_actor*) {
      return caf::behavior{
          [this](const PeerChanged& peer) { present.push_back(peer.actor != nullptr); }};
    }));
  }

  std::vector<bool> present;  // what the follower was told, in order
};

TEST_F(DirectoryTest, FollowersAreToldOfLossAndReplacement) {
  auto directory = spawn(troupe::directory);
  auto before = idle_actor(), after = idle_actor();
  self->send(directory, Follow{"trainer", spawn_follower()});
  self->send(directory, Announce{"trainer", before});
  scheduler.run();
  kill(caf::actor_cast<caf::actor>(before));
  self->send(directory, Announce{"trainer", after});
  scheduler.run();
  EXPECT_EQ(present, (std::vector{true, false, true}));
}

TEST_F(DirectoryTest, ALateFollowerIsToldOnceAndTheOthersAreNotToldAgain) {
  auto directory = spawn(troupe::directory);
  self->send(directory, Announce{"trainer", idle_actor()});
  self->send(directory, Follow{"trainer", spawn_follower()});
  scheduler.run();
  EXPECT_EQ(present.size(), 1);
  self->send(directory, Follow{"trainer", spawn_follower()});
  scheduler.run();
  EXPECT_EQ(present.size(), 2);
}

TEST_F(DirectoryTest, TheDeathOfAReplacedActorTakesNothingFromItsSuccessor) {
  auto directory = spawn(troupe::directory);
  auto before = idle_actor(), after = idle_actor();
  self->send(directory, Announce{"trainer", before});
  self->send(directory, Announce{"trainer", after});
  self->send(directory, Follow{"trainer", spawn_follower()});
  scheduler.run();
  kill(caf::actor_cast<caf::actor>(before));
  EXPECT_EQ(present, (std::vector{true}));
  EXPECT_EQ(ask<Found>(directory, Find{"trainer"})->actor, after);
}

TEST_F(DirectoryTest, AnActorThatIsGoneIsGoneUnderAllOfItsNames) {
  auto directory = spawn(troupe::directory);
  auto both = idle_actor();
  for (const char* name : {"policy/pp0", "critic/pp0"}) self->send(directory, Announce{name, both});
  scheduler.run();
  kill(caf::actor_cast<caf::actor>(both));
  for (const char* name : {"policy/pp0", "critic/pp0"})
    EXPECT_FALSE(ask<Found>(directory, Find{name})) << name;
}

TEST_F(DirectoryTest, AFollowerThatHasEndedIsForgotten) {
  DirectoryState state;
  auto stays = spawn_follower(), ends = spawn_follower();
  for (const auto& follower : {stays, ends}) state.followers.emplace("trainer", follower);
  state.forget(caf::actor_cast<caf::actor_addr>(ends));
  ASSERT_EQ(state.followers.size(), 1);
  EXPECT_EQ(state.followers.begin()->second, stays);
}

TEST_F(DirectoryTest, FindAnswersWithTheActorOrSaysWhichNameIsMissing) {
  auto directory = spawn(troupe::directory);
  auto trainer = idle_actor();
  self->send(directory, Announce{"trainer", trainer});
  auto found = ask<Found>(directory, Find{"trainer"});
  ASSERT_TRUE(found);
  EXPECT_EQ(found->actor, trainer);
  auto missing = ask<Found>(directory, Find{"critic"});
  ASSERT_FALSE(missing);
  EXPECT_EQ(text_of(missing.error()), "no actor answers to critic");
}

}  // namespace
}  // namespace troupe
