#include "actors/checkpoint/checkpoint_writer.h"

#include "actors/checkpoint/shard_json.h"
#include "actors/model/model_source.h"
#include "tests/actors/train/tiny_roles.h"
#include "tests/temporary_folder.h"

namespace troupe {
namespace {

class CheckpointWriterTest : public TinyRoles {
 protected:
  TemporaryFolder folder;
  std::string final_dir = folder / "step-000001";
  CheckpointWriter writer = spawn(checkpoint_writer, "checkpoint_writer/here");
};

// Two stages save; one stage that loads the commit answers with the same bits.
TEST_F(CheckpointWriterTest, WhatStagesSaveAnotherLayoutLoads) {
  plan({"two/pp0", "two/pp1", "one/pp0"});
  const auto two = role("two", 2), one = role("one", 1, Head::log_prob, 2);
  const auto packs = some_packs(5);
  const auto expected = run(two, {}, packs.micro_batches());
  EXPECT_NE(run(one, {}, packs.micro_batches()).outputs[0].columns, expected.outputs[0].columns);

  const auto partial = begin_checkpoint(final_dir);
  std::vector<ShardInfo> shards;
  const SaveShard save = {partial, "", true, caf::actor_cast<caf::strong_actor_ptr>(writer)};
  for (const auto& written : ask_stages<ShardsWritten>(two, save))
    for (const auto& shard : written.shards) shards.push_back(shard_from_json(shard));
  ASSERT_EQ(shards.size(), 2u);  // no moments before the first update
  const std::string config = R"({"model_type": "llama", "hidden_size": 32, "intermediate_size": 48,
      "vocab_size": 40, "num_hidden_layers": 3, "num_attention_heads": 4,
      "num_key_value_heads": 2, "tie_word_embeddings": true})";
  commit_checkpoint(partial, final_dir, shards, {{"config.json", config}, {"state.json", "{}"}});
  EXPECT_EQ(verify_checkpoint(final_dir).tensors, 29);

  const auto loaded = ask<StageDone>(one[0], LoadWeights{final_dir});
  ASSERT_TRUE(loaded) << text_of(loaded.error());
  const auto found = run(one, {}, packs.micro_batches());
  for (size_t i = 0; i < expected.outputs.size(); ++i)
    EXPECT_EQ(found.outputs[i].columns, expected.outputs[i].columns);
}

TEST_F(CheckpointWriterTest, TheOptimizersMomentsAreSavedWhereTheyAreAskedFor) {
  plan({"one/pp0"});
  const auto stages = role("one", 1);
  run(stages, nll_spec(), some_packs(3).micro_batches());
  ApplyUpdate update;
  update.step = 1;
  ask_stages<StageDone>(stages, update);
  for (const bool with_optimizer : {false, true}) {
    const SaveShard save = {begin_checkpoint(final_dir), "critic/", with_optimizer,
                            caf::actor_cast<caf::strong_actor_ptr>(writer)};
    const auto written = ask<ShardsWritten>(stages[0], save);
    ASSERT_TRUE(written) << text_of(written.error());
    ASSERT_EQ(written->shards.size(), with_optimizer ? 2u : 1u);
    EXPECT_EQ(shard_from_json(written->shards[0]).kind, "critic/model");
    if (!with_optimizer) continue;
    const auto optimizer = shard_from_json(written->shards[1]);
    EXPECT_EQ(optimizer.kind, "critic/optimizer");
    EXPECT_EQ(optimizer.tensors.size(), 2 * 29u);
  }
}

TEST_F(CheckpointWriterTest, AFolderThatCannotBeWrittenIsNamedAndTheNextOneIsWritten) {
  const auto tensor = make_tensor_ref(std::vector<float>{1}, DType::f32, {1});
  WriteShards work = {"/dev/null/there", {{"model", 0, 1, {{"a", tensor}}}}};
  const auto reply = ask<ShardsWritten>(writer, work);
  ASSERT_FALSE(reply);
  EXPECT_NE(text_of(reply.error()).find("/dev/null/there"), std::string::npos)
      << text_of(reply.error());
  work.folder = begin_checkpoint(final_dir);
  EXPECT_TRUE(ask<ShardsWritten>(writer, work));
}

}  // namespace
}  // namespace troupe
