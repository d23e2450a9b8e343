#include "actors/rlhf/reward.h"

#include "tests/actors/train/tiny_roles.h"

namespace troupe {
namespace {

// The test is the ledger.
class RewardTest : public TinyRoles {
 protected:
  Reward new_reward(RewardConfig config) {
    config.ledger = "ledger";
    peers.actors["ledger"] = caf::actor_cast<caf::strong_actor_ptr>(self);
    auto made = spawn(reward, std::move(config));
    self->send(made, peers);
    scheduler.run();
    return made;
  }

  static Trajectories batch(int count) {
    Trajectories batch = {PromptUse::training, 2, {}};
    for (int i = 0; i < count; ++i) {
      auto& one = batch.trajectories.emplace_back();
      one.key = {i, 1};
      one.prompt_ids = some_ids(2, i);
      one.response_ids = some_ids(1 + i, i + 9);
    }
    return batch;
  }

  static RewardConfig by_length() {
    RewardConfig config;
    config.rule = [](const Trajectory& one) { return double(one.response_ids.size()); };
    return config;
  }

  Scores scores_for(const Reward& reward, const Trajectories& batch) {
    self->send(reward, batch);
    scheduler.run();
    Scores scores;
    EXPECT_TRUE(self->has_next_message());
    if (self->has_next_message()) self->receive([&](Scores& found) { scores = std::move(found); });
    return scores;
  }

  std::string reason;  // of an actor's end
};

TEST_F(RewardTest, ARulesScoresGoToTheLedgerUnderTheirKeys) {
  const auto scores = scores_for(new_reward(by_length()), batch(3));
  EXPECT_EQ(scores.step, 2);
  EXPECT_EQ(scores.keys, (std::vector<TrajectoryKey>{{0, 1}, {1, 1}, {2, 1}}));
  EXPECT_EQ(scores.scores, (std::vector<float>{1, 2, 3}));
}

TEST_F(RewardTest, ScoresAreCentredAndScaledThenClippedUnlessTheyAreAskedForRaw) {
  auto config = by_length();
  config.score_clip = 1.5;
  const auto made = new_reward(config);
  ASSERT_TRUE(ask<StageDone>(made, SetScoreStatistics{2, 0.5}));
  EXPECT_EQ(scores_for(made, batch(3)).scores, (std::vector<float>{-1.5, 0, 1.5}));
  ScoreTrajectories raw = {batch(3), true}, finished = {batch(3), false};
  EXPECT_EQ(ask<Scores>(made, raw)->scores, (std::vector<float>{1, 2, 3}));
  EXPECT_EQ(ask<Scores>(made, finished)->scores, (std::vector<float>{-1.5, 0, 1.5}));
}

TEST_F(RewardTest, AModelsScoreIsReadAtTheLastTokenOfEachResponse) {
  plan({"reward/pp0", "reward/pp1"});
  const auto stages = role("reward", 2, Head::value);
  MicroBatch any = some_packs(1).take()[0];
  any.columns["old_value"].assign(any.token_ids.size(), 0.0f);
  any.columns["return"].assign(any.token_ids.size(), 3.0f);
  LossSpec loss;
  loss.kind = LossKind::value;
  loss.scale = 1;
  run(stages, loss, {any});
  ApplyUpdate update;
  update.step = 1;
  update.lr = 0.1;
  ask_stages<StageDone>(stages, update);  // the head is no longer zero

  RewardConfig config;
  config.stages = {"reward/pp0", "reward/pp1"};
  config.max_tokens_per_pack = 10;
  const auto samples = batch(5);
  const auto scores = scores_for(new_reward(config), samples);
  ASSERT_EQ(scores.scores.size(), 5u);
  for (size_t i = 0; i < 5; ++i) {
    TrainingSequence whole = {samples.trajectories[i].prompt_ids, {}, {}};
    const auto& response = samples.trajectories[i].response_ids;
    whole.token_ids.insert(whole.token_ids.end(), response.begin(), response.end());
    const PackedSequences alone({whole}, PackOrder::in_order, 100, 1);
    const auto values = run(stages, {}, alone.micro_batches()).outputs[0].columns.at("values");
    EXPECT_EQ(scores.scores[i], values.back()) << i;
    EXPECT_NE(values.back(), values.front());
  }
}

TEST_F(RewardTest, AModelThatIsGoneIsNamedToWhoAsksAndElseEndsTheReward) {
  plan({"reward/pp0"});
  const auto stages = role("reward", 1, Head::value);
  RewardConfig config;
  config.stages = {"reward/pp0"};
  const auto made = new_reward(config);
  made->attach_functor([this](const caf::error& error) { reason = text_of(error); });
  kill(stages[0]);
  const auto reply = ask<Scores>(made, ScoreTrajectories{batch(1), true});
  ASSERT_FALSE(reply);
  EXPECT_EQ(text_of(reply.error()).rfind("reward/pp0: ", 0), 0u) << text_of(reply.error());
  EXPECT_EQ(reason, "") << "it lives on";
  self->send(made, batch(1));  // which nobody waits for
  scheduler.run();
  EXPECT_EQ(reason.rfind("reward/pp0: ", 0), 0u) << reason;
}

}  // namespace
}  // namespace troupe
