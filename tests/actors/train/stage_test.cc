#include "actors/train/stage.h"

#include "tests/actors/train/tiny_roles.h"

namespace troupe {
namespace {

std::vector<std::string> stages_of(const std::string& role, int num_stages) {
  std::vector<std::string> addresses;
  for (int i = 0; i < num_stages; ++i)
    addresses.push_back(stage_address(role, {.pipeline = num_stages}, {.pipeline = i}));
  return addresses;
}

class StageTest : public TinyRoles {
 protected:
  // Loss, gradients and the log-probs after one step of a pipeline of so many stages.
  struct Step {
    std::map<std::string, double> sums, squares;
    std::vector<std::vector<float>> log_probs;
  };
  Step step(const std::string& name, int num_stages, int64_t num_registers = 3) {
    const auto stages = role(name, num_stages, Head::log_prob, 1, "", num_registers);
    const auto packs = some_packs(12);
    const auto trained = run(stages, nll_spec(), packs.micro_batches());
    EXPECT_TRUE(trained.outputs.empty());
    ApplyUpdate update;
    update.step = 1;
    update.lr = 0.01;
    EXPECT_EQ(ask_stages<StageDone>(stages, update).size(), stages.size());
    Step step = {trained.sums, trained.gradient_squares, {}};
    for (auto& output : run(stages, {}, packs.micro_batches()).outputs)
      step.log_probs.push_back(output.columns.at("log_prob"));
    return step;
  }
};

TEST_F(StageTest, APipelineGivesTheBitsOfOneStage) {
  plan({"one/pp0", "two/pp0", "two/pp1", "three/pp0", "three/pp1", "three/pp2"});
  const auto one = step("one", 1);
  EXPECT_GT(one.sums.at("loss"), 0);
  EXPECT_EQ(one.squares.size(), 29u);
  ASSERT_GT(one.log_probs.size(), 3u);
  const auto two = step("two", 2), three = step("three", 3, 1);  // that with back-pressure
  for (const auto& cut : {two, three}) {
    EXPECT_EQ(cut.sums, one.sums);
    EXPECT_EQ(cut.squares, one.squares);
    EXPECT_EQ(cut.log_probs, one.log_probs);
  }
}

TEST_F(StageTest, AnUpdateChangesTheModel) {
  plan({"policy/pp0"});
  const auto stages = role("policy", 1);
  const auto packs = some_packs(4);
  const auto before = run(stages, {}, packs.micro_batches());
  EXPECT_EQ(run(stages, {}, packs.micro_batches()).outputs[0].columns, before.outputs[0].columns);
  run(stages, nll_spec(), packs.micro_batches());
  ApplyUpdate update;
  update.step = 1;
  update.lr = 0.01;
  ask_stages<StageDone>(stages, update);
  EXPECT_NE(run(stages, {}, packs.micro_batches()).outputs[0].columns, before.outputs[0].columns);
}

TEST_F(StageTest, BatchesQueueUpAndRunInTheOrderInWhichTheyCame) {
  plan(stages_of("policy", 2));
  const auto stages = role("policy", 2);
  const auto packs = some_packs(12), other = some_packs(5);
  const auto first = run(stages, {}, packs.micro_batches());
  const auto second = run(stages, {}, other.micro_batches());
  std::vector<int64_t> delivered;
  auto ask_for = [&](const PackedSequences& sequences) {
    return self->request(stages[1], caf::infinite,
                         RunBatch{next_batch, {}, sequences.micro_batches()});
  };
  auto a = ask_for(packs);
  auto feed_a =
      self->request(stages[0], caf::infinite, RunBatch{next_batch++, {}, packs.micro_batches()});
  auto b = ask_for(other);
  auto feed_b =
      self->request(stages[0], caf::infinite, RunBatch{next_batch++, {}, other.micro_batches()});
  scheduler.run();
  const auto fail = [](caf::error& error) { ADD_FAILURE() << text_of(error); };
  const auto same = [](const BatchResult& found, const BatchResult& expected) {
    ASSERT_EQ(found.outputs.size(), expected.outputs.size());
    for (size_t i = 0; i < found.outputs.size(); ++i)
      EXPECT_EQ(found.outputs[i].columns, expected.outputs[i].columns);
  };
  a.receive([&](BatchResult& result) { same(result, first); }, fail);
  b.receive([&](BatchResult& result) { same(result, second); }, fail);
  feed_a.receive([](BatchResult&) {}, fail);
  feed_b.receive([](BatchResult&) {}, fail);
}

TEST_F(StageTest, ATiedEmbeddingCountsOnceInTheNorm) {
  plan({"one/pp0", "two/pp0", "two/pp1"});
  const auto packs = some_packs(6);
  const auto whole = run(role("one", 1), nll_spec(), packs.micro_batches());
  const auto parts =
      ask_stages<BatchResult>(role("two", 2), RunBatch{99, nll_spec(), packs.micro_batches()});
  EXPECT_TRUE(parts[0].gradient_squares.contains("model.embed_tokens.weight"));
  EXPECT_FALSE(parts[1].gradient_squares.contains("model.embed_tokens.weight"));
  EXPECT_EQ(gradient_norm(combine(parts)), gradient_norm(whole));
}

TEST_F(StageTest, ANewHeadStartsAtZero) {
  plan({"critic/pp0"});
  const auto values = run(role("critic", 1, Head::value), {}, some_packs(3).micro_batches());
  for (float value : values.outputs[0].columns.at("values")) EXPECT_EQ(value, 0);
}

TEST_F(StageTest, AModelThatIsNotThereIsAnErrorAndTheStageLivesOn) {
  plan({"policy/pp0"});
  const auto stages = role("policy", 1);
  const auto reply = ask<StageDone>(stages[0], LoadWeights{"/nowhere"});
  ASSERT_FALSE(reply);
  EXPECT_NE(text_of(reply.error()).find("/nowhere"), std::string::npos);
  EXPECT_EQ(run(stages, {}, some_packs(3).micro_batches()).outputs.size(), 1u);
}

}  // namespace
}  // namespace troupe
