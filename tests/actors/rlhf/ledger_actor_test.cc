#include "actors/rlhf/ledger_actor.h"

#include "tests/actors/actor_test.h"
#include "tests/temporary_folder.h"

namespace troupe {
namespace {

// The test is packer and reward at once.
class LedgerActorTest : public ActorTest {
 protected:
  LedgerActorTest() {
    Peers peers;
    for (const char* address : {"packer", "reward"})
      peers.actors[address] = caf::actor_cast<caf::strong_actor_ptr>(self);
    self->send(ledger, peers);
    scheduler.run();
  }

  static Trajectories batch(const std::vector<TrajectoryKey>& keys) {
    Trajectories batch = {PromptUse::training, 1, {}};
    for (const auto& key : keys) {
      auto& one = batch.trajectories.emplace_back();
      one.key = key;
      one.step = 1;
      one.prompt_ids = {1};
      one.response_ids = {2};
      one.log_probs = {-1};
    }
    return batch;
  }

  TemporaryFolder folder;
  std::string path = folder / "ledger";
  LedgerActor ledger = spawn(ledger_actor, LedgerConfig{path, "packer", "reward"});
};

TEST_F(LedgerActorTest, ATrajectoryIsRecordedBeforeAnyoneSeesIt) {
  self->send(ledger, batch({{0, 0}, {0, 1}}));
  scheduler.run();
  EXPECT_EQ(read_ledger(path).size(), 2u);
  for (int i = 0; i < 2; ++i) {
    ASSERT_TRUE(self->has_next_message());
    self->receive([](Trajectories& seen) { EXPECT_EQ(seen.trajectories.size(), 2u); });
  }
  EXPECT_FALSE(self->has_next_message());
}

TEST_F(LedgerActorTest, ScoresAreRecordedAndPassedOnToThePacker) {
  self->send(ledger, batch({{0, 0}}));
  scheduler.run();
  for (int i = 0; i < 2; ++i) self->receive([](Trajectories&) {});
  self->send(ledger, Scores{1, {{0, 0}}, {0.5f}});
  scheduler.run();
  EXPECT_EQ(read_ledger(path).at({0, 0}).score, 0.5f);
  ASSERT_TRUE(self->has_next_message());
  self->receive([](Scores& scores) { EXPECT_EQ(scores.scores, (std::vector<float>{0.5f})); });
}

TEST_F(LedgerActorTest, AStepIsCommittedOnceWithAllOfItsTrajectories) {
  self->send(ledger, batch({{1, 0}, {0, 1}}));
  self->send(ledger, batch({{0, 0}}));
  const auto done = ask<StageDone>(ledger, CommitStep{1});
  ASSERT_TRUE(done) << text_of(done.error());
  EXPECT_EQ(done->num_weights, 3);
  for (const auto& [key, entry] : read_ledger(path))
    EXPECT_EQ(entry.steps_trained, (std::vector<int64_t>{1}));
  EXPECT_FALSE(ask<StageDone>(ledger, CommitStep{1}));
  EXPECT_FALSE(ask<StageDone>(ledger, CommitStep{2}));
  for (const auto& [key, entry] : read_ledger(path)) EXPECT_EQ(entry.steps_trained.size(), 1u);
}

}  // namespace
}  // namespace troupe
