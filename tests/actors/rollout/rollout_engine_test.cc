#include "actors/rollout/rollout_engine.h"

#include "actors/train/weight_store.h"
#include "tests/actors/train/tiny_roles.h"

namespace troupe {
namespace {

RolloutEngineConfig engine_config(const std::shared_ptr<Compute>& compute) {
  RolloutEngineConfig config;
  config.address = "rollout/0";
  config.model = tiny_llama_config();
  config.seed = 11;
  config.end_ids = {5};
  config.compute = compute;
  return config;
}

Generate work(int num_prompts, caf::strong_actor_ptr receiver = nullptr) {
  Generate generate;
  generate.step = 3;
  generate.sampling.max_new_tokens = 6;
  for (int i = 0; i < num_prompts; ++i)
    generate.prompts.push_back({{i, 0}, some_ids(3 + i, i), "answer"});
  generate.receiver = std::move(receiver);
  return generate;
}

TEST(RolloutEngineStateTest, RefusesWorkBeforeTheFirstVersion) {
  CoreGate gate;
  ActorProbe probe;
  RolloutEngineState state;
  state.configure(engine_config(std::make_shared<Compute>(1, 1, gate)), &probe);
  EXPECT_THROW(state.submit(work(1)), Error);
}

TEST(RolloutEngineStateTest, AVersionIsTakenWhenAllOfItIsThereWhateverComesFirst) {
  CoreGate gate;
  ActorProbe probe;
  RolloutEngineState state;
  state.configure(engine_config(std::make_shared<Compute>(1, 1, gate)), &probe);
  const auto norm = [](int64_t version) {
    return TensorMessage{"model.norm.weight", version,
                         make_tensor_ref(std::vector<float>(32, 1), DType::f32, {32})};
  };
  state.announce({0, 1, nullptr});
  EXPECT_FALSE(state.load_if_complete());
  state.receive(norm(0));
  EXPECT_EQ(state.load_if_complete()->version, 0);
  EXPECT_FALSE(state.load_if_complete());
  state.receive(norm(1));  // before it is announced
  EXPECT_FALSE(state.load_if_complete());
  state.announce({1, 2, nullptr});
  EXPECT_FALSE(state.load_if_complete());  // one of two tensors
  EXPECT_THROW(state.receive(norm(0)), Error);
  EXPECT_THROW(state.announce({0, 1, nullptr}), Error);
}

class RolloutEngineTest : public TinyRoles {
 protected:
  void SetUp() override {
    plan({"policy/pp0", "policy/pp1", "weight_store/policy", "rollout/0", "rollout/1"});
    stages = role("policy", 2, Head::log_prob, 1, "weight_store/policy");
    for (const char* address : {"rollout/0", "rollout/1"}) {
      auto config = engine_config(compute);
      config.address = address;
      engines.push_back(spawn(rollout_engine, config));
      add(address, engines.back());
    }
    store = spawn(weight_store, WeightStoreConfig{"weight_store/policy",
                                                  {"policy/pp0", "policy/pp1"},
                                                  {"rollout/0", "rollout/1"},
                                                  transport.get()});
    add("weight_store/policy", store);
    self->send(store, peers);
    scheduler.run();
  }

  std::map<TrajectoryKey, Trajectory> generate(const RolloutEngine& engine, int num_prompts) {
    self->send(engine, work(num_prompts, caf::actor_cast<caf::strong_actor_ptr>(self)));
    scheduler.run();
    std::map<TrajectoryKey, Trajectory> all;
    while (self->has_next_message())
      self->receive([&](Trajectories& batch) {
        for (auto& one : batch.trajectories) all[one.key] = std::move(one);
      });
    return all;
  }

  std::vector<Stage> stages;
  std::vector<RolloutEngine> engines;
  WeightStore store;
};

// The heart of on-policy training: what was kept is, bit for bit, what the trainer computes.
TEST_F(RolloutEngineTest, KeptLogProbsAreTheTrainersBits) {
  for (int64_t version : {0, 1}) {
    ASSERT_TRUE(ask<StageDone>(store, PublishVersion{version}));
    const auto trajectories = generate(engines[0], 5);
    ASSERT_EQ(trajectories.size(), 5u);
    std::vector<TrainingSequence> sequences;
    for (const auto& [key, one] : trajectories)
      sequences.push_back(response_sequence(one.prompt_ids, one.response_ids));
    const PackedSequences packed(sequences, PackOrder::best_fit, 24, 8);
    const auto scored = run(stages, {}, packed.micro_batches());
    size_t i = 0;
    for (const auto& [key, one] : trajectories) {
      const auto rows = packed.rows(scored.outputs, "log_prob", i++);
      const auto first = rows.begin() + static_cast<int64_t>(one.prompt_ids.size()) - 1;
      EXPECT_EQ(std::vector<float>(first, rows.end()), one.log_probs);
      EXPECT_EQ(one.weight_version, version);
      EXPECT_EQ(one.step, 3);
      EXPECT_EQ(one.answer, "answer");
      EXPECT_EQ(one.truncated, one.response_ids.back() != 5);
    }
    run(stages, nll_spec(), packed.micro_batches());
    ApplyUpdate update;
    update.step = version + 1;
    update.lr = 0.05;
    ask_stages<StageDone>(stages, update);
  }
}

TEST_F(RolloutEngineTest, AnotherEngineMakesTheSameTrajectories) {
  ASSERT_TRUE(ask<StageDone>(store, PublishVersion{0}));
  const auto all = generate(engines[0], 4);
  const auto again = generate(engines[1], 2);
  ASSERT_EQ(again.size(), 2u);
  for (const auto& [key, one] : again) {
    EXPECT_EQ(one.response_ids, all.at(key).response_ids);
    EXPECT_EQ(one.log_probs, all.at(key).log_probs);
  }
}

TEST_F(RolloutEngineTest, PublishingAnswersWhenEveryEngineHoldsTheVersion) {
  const auto reply = ask<StageDone>(store, PublishVersion{4});
  ASSERT_TRUE(reply) << text_of(reply.error());
  for (const auto& engine : engines)
    EXPECT_EQ(generate(engine, 1).begin()->second.weight_version, 4);
}

TEST_F(RolloutEngineTest, PublishingWaitsForAnEngineThatIsGone) {
  kill(engines[1]);
  auto request = self->request(store, std::chrono::seconds(60), PublishVersion{0});
  scheduler.run();
  EXPECT_FALSE(self->has_next_message());
  advance(std::chrono::seconds(61));
  request.receive([](StageDone&) { ADD_FAILURE() << "half of the engines is not all"; },
                  [](caf::error& error) { EXPECT_EQ(error, caf::sec::request_timeout); });
}

}  // namespace
}  // namespace troupe
