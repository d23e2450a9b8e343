#include "actors/checkpoint/save_shards.h"

#include "actors/checkpoint/checkpoint_writer.h"
#include "tests/actors/train/tiny_roles.h"

namespace troupe {
namespace {

using Saver = caf::typed_actor<caf::reacts_to<StageDone>>;
using Kinds = std::vector<std::string>;

struct SaverState {
  std::string name = "saver";
  Async<void> saving;

  Async<void> save(Traced<Saver, SaverState>* self, std::vector<StageToSave> stages, Kinds& kinds) {
    auto all = save_shards(self, std::move(stages));
    const std::vector<ShardInfo> shards = co_await all;
    for (const auto& shard : shards) kinds.push_back(shard.kind);
  }
};

// Saves when it is told anything.
Saver::behavior_type saver(Traced<Saver, SaverState>* self, std::vector<StageToSave> stages,
                           Kinds* kinds) {
  return {[=](const StageDone&) { self->state.saving = self->state.save(self, stages, *kinds); }};
}

// Keeps what it should write, and answers only when it has been asked so often: the last one first.
struct HeldWrites {
  size_t answers_when = 0;
  std::vector<WriteShards> asked;
  std::vector<caf::typed_response_promise<ShardsWritten>> answers;

  CheckpointWriter::behavior_type behavior(CheckpointWriter::pointer self) {
    return {[this, self](const WriteShards& work) {
      asked.push_back(work);
      answers.push_back(self->make_response_promise<ShardsWritten>());
      const auto own = answers.back();
      for (size_t i = asked.size(); asked.size() == answers_when && i-- > 0;) {
        ShardInfo shard;
        shard.kind = asked[i].shards.at(0).kind;
        answers[i].deliver(ShardsWritten{{to_json(shard)}});
      }
      return own;
    }};
  }
};

std::vector<std::byte> bytes_of(const WriteShards& work) {
  const auto bytes = work.shards.at(0).tensors.at(0).tensor.bytes();
  return {bytes.begin(), bytes.end()};
}

class SaveShardsTest : public TinyRoles {
 protected:
  StageToSave to_save(const Stage& stage, const std::string& prefix) const {
    return {{prefix + "pp0", stage},
            {"there", prefix, false, caf::actor_cast<caf::strong_actor_ptr>(writer)}};
  }

  HeldWrites held;
  CheckpointWriter writer =
      spawn([this](CheckpointWriter::pointer self) { return held.behavior(self); });
  Kinds kinds;
};

// The critic is saved as it was when the save began, though the policy's writer never answers.
TEST_F(SaveShardsTest, WhatIsTrainedWhileAnotherRolesShardIsWrittenIsNotSaved) {
  plan({"policy/pp0", "critic/pp0"});
  const auto policy = role("policy", 1), critic = role("critic", 1);
  const auto save = to_save(critic[0], "critic/");
  const auto critic_now = [&] {
    caf::anon_send(critic[0], save.save);
    scheduler.run();
    return bytes_of(held.asked.back());
  };
  const auto before = critic_now();
  run(critic, nll_spec(), some_packs(3).micro_batches());

  caf::anon_send(spawn(saver, std::vector{to_save(policy[0], ""), save}, &kinds), StageDone{});
  scheduler.run_once();  // it has asked
  ApplyUpdate update;
  update.step = 1;
  update.lr = 0.1;
  ask_stages<StageDone>(critic, update);
  ASSERT_EQ(held.asked.size(), 3u);
  EXPECT_EQ(held.asked[1].shards.at(0).kind, "model");
  EXPECT_EQ(held.asked[2].shards.at(0).kind, "critic/model");
  EXPECT_EQ(bytes_of(held.asked[2]), before);
  EXPECT_NE(critic_now(), before);
}

TEST_F(SaveShardsTest, ShardsAreInTheStagesOrderWhoeverAnswersFirst) {
  plan({"policy/pp0", "critic/pp0"});
  const auto policy = role("policy", 1), critic = role("critic", 1);
  held.answers_when = 2;
  caf::anon_send(
      spawn(saver, std::vector{to_save(policy[0], ""), to_save(critic[0], "critic/")}, &kinds),
      StageDone{});
  scheduler.run();
  EXPECT_EQ(kinds, (Kinds{"model", "critic/model"}));
}

}  // namespace
}  // namespace troupe
