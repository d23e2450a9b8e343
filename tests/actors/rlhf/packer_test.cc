#include "actors/rlhf/packer.h"

#include <algorithm>

#include "tests/actors/train/tiny_roles.h"

namespace troupe {
namespace {

class PackerTest : public TinyRoles {
 protected:
  void SetUp() override {
    plan({"reference/pp0", "critic/pp0", "critic/pp1"});
    reference = role("reference", 1);
    critic = role("critic", 2, Head::value);
    // A value head is made of zeros: one update gives values that tell tokens apart.
    MicroBatch any = some_packs(1).take()[0];
    any.columns["old_value"].assign(any.token_ids.size(), 0.0f);
    any.columns["return"].assign(any.token_ids.size(), 3.0f);
    LossSpec loss;
    loss.kind = LossKind::value;
    loss.scale = 1;
    run(critic, loss, {any});
    ApplyUpdate update;
    update.step = 1;
    update.lr = 0.1;
    ask_stages<StageDone>(critic, update);
  }

  Packer new_packer(PackerConfig config = {}) {
    config.reference_stages = {"reference/pp0"};
    config.critic_stages = {"critic/pp0", "critic/pp1"};
    config.max_tokens_per_pack = 24;
    // A run has one packer, so a second one counts its batches anew: another stands between.
    for (const auto& stages : {reference, critic}) run(stages, {}, some_packs(1).micro_batches());
    auto made = spawn(packer, config);
    self->send(made, peers);
    scheduler.run();
    return made;
  }

  static Trajectory trajectory(int64_t prompt_id) {
    Trajectory one;
    const auto salt = static_cast<int>(prompt_id);
    one.key = {prompt_id, 0};
    one.step = 1;
    one.prompt_ids = some_ids(2 + salt % 3, salt);
    one.response_ids = some_ids(1 + salt % 5, salt + 20);
    for (size_t t = 0; t < one.response_ids.size(); ++t)
      one.log_probs.push_back(-1 - 0.25f * static_cast<float>(t));
    return one;
  }
  static Trajectories group(const std::vector<int64_t>& prompt_ids) {
    Trajectories batch = {PromptUse::training, 1, {}};
    for (int64_t id : prompt_ids) batch.trajectories.push_back(trajectory(id));
    return batch;
  }
  static Scores scores(const std::vector<int64_t>& prompt_ids) {
    Scores scores = {1, {}, {}};
    for (int64_t id : prompt_ids) {
      scores.keys.push_back({id, 0});
      scores.scores.push_back(0.5f * static_cast<float>(id));
    }
    return scores;
  }

  std::vector<Stage> reference, critic;
};

std::map<std::string, double> without_times(std::map<std::string, double> metrics) {
  std::erase_if(metrics, [](const auto& metric) { return metric.first.starts_with("timing_s/"); });
  return metrics;
}

void expect_same_bits(const Experience& a, const Experience& b) {
  EXPECT_EQ(without_times(a.metrics), without_times(b.metrics));
  EXPECT_EQ(a.mean_kl, b.mean_kl);
  ASSERT_EQ(a.micro_batches.size(), b.micro_batches.size());
  for (size_t i = 0; i < a.micro_batches.size(); ++i) {
    EXPECT_EQ(a.micro_batches[i].group, b.micro_batches[i].group);
    EXPECT_EQ(a.micro_batches[i].token_ids, b.micro_batches[i].token_ids);
    EXPECT_EQ(a.micro_batches[i].targets, b.micro_batches[i].targets);
    EXPECT_EQ(a.micro_batches[i].columns, b.micro_batches[i].columns);
  }
}

TEST_F(PackerTest, TheOrderOfArrivalChangesNoBit) {
  const MakeExperience make = {1, 8, 0.3};
  const auto first = new_packer();
  self->send(first, group({0, 1, 2, 3, 4, 5, 6, 7}));
  self->send(first, scores({0, 1, 2, 3, 4, 5, 6, 7}));
  const auto sorted = ask<Experience>(first, make);
  ASSERT_TRUE(sorted) << text_of(sorted.error());
  kill(first);

  const auto second = new_packer();
  auto request = self->request(second, caf::infinite, make);
  self->send(second, scores({6, 1}));
  self->send(second, group({7, 5, 3, 1}));
  self->send(second, group({6, 0}));
  self->send(second, scores({5, 4, 7, 2}));
  self->send(second, group({2, 4}));
  self->send(second, scores({3, 0}));
  scheduler.run();
  request.receive([&](Experience& mixed) { expect_same_bits(mixed, *sorted); },
                  [](caf::error& error) { ADD_FAILURE() << text_of(error); });
}

TEST_F(PackerTest, WaitsForTheLastTrajectoryAndTheLastScore) {
  for (const bool score_is_last : {false, true}) {
    const auto made = new_packer();
    auto request = self->request(made, std::chrono::seconds(9), MakeExperience{1, 2, 0});
    self->send(made, group({0}));
    self->send(made, scores({0}));
    score_is_last ? self->send(made, group({1})) : self->send(made, scores({1}));
    advance(std::chrono::seconds(10));
    request.receive([](Experience&) { ADD_FAILURE() << "made of half of its parts"; },
                    [](caf::error& error) { EXPECT_EQ(error, caf::sec::request_timeout); });
    kill(made);
  }
}

// Row prompt_size - 1 + t stands for response token t in every column.
TEST_F(PackerTest, EveryColumnOfAResponseStandsWhereItsTokenIsPredicted) {
  const auto made = new_packer();
  self->send(made, group({4}));
  self->send(made, scores({4}));
  const auto experience = ask<Experience>(made, MakeExperience{1, 1, 0.5});
  ASSERT_TRUE(experience) << text_of(experience.error());
  ASSERT_EQ(experience->micro_batches.size(), 1u);
  const auto& batch = experience->micro_batches[0];
  const auto one = trajectory(4);
  const size_t first = one.prompt_ids.size() - 1, size = one.response_ids.size();
  ASSERT_EQ(batch.token_ids.size(), first + size);

  TrainingSequence whole = {one.prompt_ids, {}, {}};  // with the last token, apart from the packer
  whole.token_ids.insert(whole.token_ids.end(), one.response_ids.begin(), one.response_ids.end());
  const PackedSequences packed({whole}, PackOrder::in_order, 100, 1);
  const auto seen = run(critic, {}, packed.micro_batches()).outputs[0].columns.at("values");
  auto with_targets = packed.micro_batches();
  with_targets[0].targets.assign(whole.token_ids.begin() + 1, whole.token_ids.end());
  with_targets[0].targets.push_back(-1);
  const auto judged = run(reference, {}, with_targets).outputs[0].columns.at("log_prob");
  for (size_t t = 0; t < size; ++t) {
    const size_t row = first + t;
    EXPECT_EQ(batch.targets[row], one.response_ids[t]);
    EXPECT_EQ(batch.columns.at("weight")[row], 1);
    EXPECT_EQ(batch.columns.at("old_log_prob")[row], one.log_probs[t]);
    EXPECT_EQ(batch.columns.at("old_value")[row], seen[row]);
    EXPECT_NE(seen[row], seen[row + 1]);
    EXPECT_EQ(batch.columns.at("reference_log_prob")[row], judged[row]);
  }
  for (size_t row = 0; row < first; ++row)
    for (const char* name :
         {"weight", "old_log_prob", "old_value", "reference_log_prob", "advantage", "return"})
      EXPECT_EQ(batch.columns.at(name)[row], 0) << name;
  EXPECT_EQ(experience->num_response_tokens, static_cast<int64_t>(size));
}

TEST_F(PackerTest, AStepUsesUpItsTrajectories) {
  const auto made = new_packer();
  for (int64_t step : {1, 2}) {
    auto batch = group({step});
    batch.trajectories[0].step = step;
    self->send(made, batch);
    self->send(made, scores({step}));
    const auto experience = ask<Experience>(made, MakeExperience{step, 1, 0});
    ASSERT_TRUE(experience) << text_of(experience.error());
    EXPECT_EQ(experience->num_sequences, 1);
    EXPECT_EQ(experience->step, step);
  }
}

}  // namespace
}  // namespace troupe
