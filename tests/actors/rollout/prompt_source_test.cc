#include "actors/rollout/prompt_source.h"

#include <set>

#include "base/error.h"
#include "rlhf/tasks/sort_digits.h"
#include "tests/actors/actor_test.h"
#include "text/byte_tokenizer.h"

namespace troupe {
namespace {

class PromptSourceTest : public ActorTest {
 protected:
  PromptSourceTest() {
    config.task = std::make_shared<SortDigits>();
    config.tokenizer = std::make_shared<Tokenizer>(byte_tokenizer_spec('\n'));
    config.seed = 5;
    config.max_prompt_length = 6;
    config.engines = {"rollout/0", "rollout/1"};
    state.config = config;
  }

  // The test is both engines.
  PromptSource new_source() {
    auto source = spawn(prompt_source, config);
    Peers peers;
    for (const auto& address : config.engines)
      peers.actors[address] = caf::actor_cast<caf::strong_actor_ptr>(self);
    self->send(source, peers);
    scheduler.run();
    return source;
  }

  PromptSourceConfig config;
  PromptSourceState state;
};

TEST_F(PromptSourceTest, EveryPromptGoesToOneEngineWithAllItsSamples) {
  const auto source = new_source();
  HandOut hand_out;
  hand_out.step = 9;
  hand_out.first_prompt = 100;
  hand_out.num_prompts = 5;
  hand_out.samples_per_prompt = 2;
  const auto reply = ask<HandedOut>(source, hand_out);
  ASSERT_TRUE(reply) << text_of(reply.error());
  EXPECT_EQ(reply->num_trajectories, 10);
  std::set<TrajectoryKey> keys;
  for (int engine = 0; engine < 2; ++engine) {
    ASSERT_TRUE(self->has_next_message());
    self->receive([&](Generate& work) {
      EXPECT_EQ(work.step, 9);
      for (const auto& task : work.prompts) {
        EXPECT_EQ(task.key.prompt_id % 2, engine);
        EXPECT_TRUE(keys.insert(task.key).second);
        const auto text = state.prompt_text(PromptUse::training, task.key.prompt_id);
        EXPECT_EQ(task.prompt_ids, std::vector<int32_t>(text.begin(), text.end()));
        EXPECT_EQ(task.answer, config.task->answer(text));
      }
    });
  }
  EXPECT_EQ(keys.size(), 10u);
  EXPECT_EQ(keys.begin()->prompt_id, 100);
  EXPECT_EQ(keys.rbegin()->prompt_id, 104);
}

TEST_F(PromptSourceTest, CollectAnswersWhenEveryResponseIsThereSortedByKey) {
  const auto source = new_source();
  Collect collect;
  collect.hand_out.use = PromptUse::evaluation;
  collect.hand_out.num_prompts = 3;
  collect.hand_out.samples_per_prompt = 2;
  auto request = self->request(source, caf::infinite, collect);
  scheduler.run();
  std::vector<Trajectories> batches;  // one of each engine
  for (int engine = 0; engine < 2; ++engine)
    self->receive([&](const Generate& work) {
      EXPECT_EQ(work.receiver, caf::actor_cast<caf::strong_actor_ptr>(source));
      auto& batch = batches.emplace_back();
      batch.use = work.use;
      for (const auto& task : work.prompts) batch.trajectories.emplace_back().key = task.key;
    });
  self->send(source, batches[1]);
  scheduler.run();
  EXPECT_FALSE(self->has_next_message());
  self->send(source, batches[0]);
  scheduler.run();
  ASSERT_TRUE(self->has_next_message());
  std::vector<TrajectoryKey> keys;
  request.receive(
      [&](const Trajectories& all) {
        EXPECT_EQ(all.use, PromptUse::evaluation);
        for (const auto& one : all.trajectories) keys.push_back(one.key);
      },
      [](caf::error& error) { ADD_FAILURE() << text_of(error); });
  EXPECT_EQ(keys, (std::vector<TrajectoryKey>{{0, 0}, {0, 1}, {1, 0}, {1, 1}, {2, 0}, {2, 1}}));
}

TEST_F(PromptSourceTest, UsesHaveTheirOwnPromptsAndTheSeedGivesThem) {
  std::vector<std::string> training, pool, again;
  for (int64_t i = 0; i < 20; ++i) {
    training.push_back(state.prompt_text(PromptUse::training, i));
    pool.push_back(state.prompt_text(PromptUse::preference_pool, i));
    again.push_back(state.prompt_text(PromptUse::training, i));
    const auto heldout = state.prompt_text(PromptUse::evaluation, i);
    EXPECT_TRUE(is_heldout(heldout.substr(0, 5))) << heldout;
    EXPECT_FALSE(is_heldout(training.back().substr(0, 5))) << training.back();
  }
  EXPECT_EQ(again, training);
  EXPECT_NE(pool, training);
  state.config.seed = 6;
  EXPECT_NE(state.prompt_text(PromptUse::training, 0), training[0]);
}

TEST_F(PromptSourceTest, DemonstrationsAreTheTasksAndTakeUpWhereTheLastOnesEnded) {
  const auto all = state.demonstrations({0, 6}).examples,
             rest = state.demonstrations({4, 2}).examples;
  ASSERT_EQ(all.size(), 6u);
  for (int i = 0; i < 2; ++i) {
    EXPECT_EQ(rest[i].prompt_ids, all[4 + i].prompt_ids);
    EXPECT_EQ(rest[i].response_ids, all[4 + i].response_ids);
  }
  for (const auto& example : all) {
    EXPECT_EQ(example.prompt_ids.size(), 6u);
    EXPECT_EQ(example.response_ids.back(), '\n');  // the end is learned, too
  }
}

TEST_F(PromptSourceTest, PreferencePairsComeFromTheSamplesOfTheirPrompt) {
  EXPECT_THROW(state.preference_pairs({0, 1}), Error);
  Trajectories samples = {PromptUse::preference_pool, 0, {}};
  for (int32_t sample : {0, 1}) {
    auto& one = samples.trajectories.emplace_back();
    one.key = {3, sample};
    one.response_ids = {'9', '9', '9', '9', '9', '\n'};
  }
  state.keep_samples(samples);
  const auto pairs = state.preference_pairs({0, 4}).examples;
  ASSERT_EQ(pairs.size(), 8u);
  const auto prompt = state.prompt_text(PromptUse::preference_pool, 3);
  const auto answer = config.task->answer(prompt);
  const auto wrong = [&](const Example& example) {
    return wrong_places(std::string(example.response_ids.begin(), example.response_ids.end()),
                        answer);
  };
  for (size_t i = 0; i < pairs.size(); i += 2) {
    EXPECT_EQ(pairs[i].prompt_ids, std::vector<int32_t>(prompt.begin(), prompt.end()));
    EXPECT_EQ(pairs[i + 1].prompt_ids, pairs[i].prompt_ids);
    EXPECT_LT(wrong(pairs[i]), wrong(pairs[i + 1]));
  }
}

TEST_F(PromptSourceTest, APromptThatIsTooLongIsNamedWithTheLimit) {
  config.max_prompt_length = 5;
  const auto reply = ask<HandedOut>(new_source(), HandOut{PromptUse::training, 1, 0, 1});
  ASSERT_FALSE(reply);
  EXPECT_NE(text_of(reply.error()).find("6 tokens; task.max_prompt_length is 5"), std::string::npos)
      << text_of(reply.error());
}

}  // namespace
}  // namespace troupe
