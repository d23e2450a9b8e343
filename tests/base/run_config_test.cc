#include "base/run_config.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/error.h"

namespace troupe {
namespace {

using testing::HasSubstr;

std::string config_path(const std::string& name) {
  return TROUPE_SOURCE_DIR "/configs/" + name;
}

// What the quickstart's config is refused for with these changes.
std::string refusal(const std::vector<std::string>& overrides) {
  try {
    load_run_config(config_path("quickstart.yaml"), overrides);
  } catch (const UsageError& e) {
    return e.what();
  }
  return "nothing was refused";
}

TEST(RunConfigTest, TheQuickstartSpreadsItsRolesOverFourNodes) {
  const auto config = load_run_config(config_path("quickstart.yaml"));
  const auto run = config.as<RunConfig>();
  EXPECT_GE(run.getCluster().getNodes().size(), 4u);
  EXPECT_EQ(run.getRoles().getPolicy().getStages().size(), 2u);
  EXPECT_GE(run.getActor().getPpoEpochs(), 2);
  EXPECT_FALSE(run.getCluster().getOneProcess());
}

TEST(RunConfigTest, OneProcessDiffersFromTheQuickstartInNothingElse) {
  auto many = load_run_config(config_path("quickstart.yaml"), {"cluster.one_process=true"});
  EXPECT_EQ(load_run_config(config_path("quickstart_one_process.yaml")).to_yaml(), many.to_yaml());
}

TEST(RunConfigTest, TheShippedConfigsOfTheRealModelHaveSeveralEpochs) {
  for (const char* name : {"smollm2_sentiment.yaml", "smollm2_grpo.yaml"}) {
    Config config(capnp::Schema::from<RunConfig>());
    config.read_file(config_path(name));
    EXPECT_GE(config.as<RunConfig>().getActor().getPpoEpochs(), 2) << name;
    EXPECT_EQ(config.as<RunConfig>().getActor().getPpoMiniBatches(), 1) << name;
  }
}

TEST(RunConfigTest, ARoleOnANodeThatDoesNotExistIsRefused) {
  EXPECT_THAT(refusal({"roles.critic.stages=[judgs]"}),
              HasSubstr("roles.critic.stages = judgs: no node of cluster.nodes has this name, did "
                        "you mean 'judge'?"));
  EXPECT_THAT(refusal({"roles.ledger=nowhere"}), HasSubstr("roles.ledger = nowhere: no node"));
}

TEST(RunConfigTest, NodesNeedNamesOfTheirOwn) {
  EXPECT_THAT(refusal({"cluster.nodes=[]"}), HasSubstr("cluster.nodes is empty"));
  EXPECT_THAT(refusal({"cluster.nodes.1.name=trainer-0"}), HasSubstr("another node has this name"));
  EXPECT_THAT(refusal({"cluster.nodes.1.name=a@b"}), HasSubstr("cluster.nodes.1.name = 'a@b'"));
}

TEST(RunConfigTest, MoreStagesThanLayersAreRefused) {
  EXPECT_THAT(refusal({"model.config.num_hidden_layers=1"}),
              HasSubstr("roles.policy.stages: 2 stages, but the model has only 1 layers"));
}

TEST(RunConfigTest, AModelThatCannotBeMadeIsRefused) {
  EXPECT_THAT(refusal({"model.config.num_key_value_heads=3"}),
              HasSubstr("expected a divisor of num_attention_heads, 4"));
  EXPECT_THAT(refusal({"model.config.hidden_size=130"}),
              HasSubstr("model.config.hidden_size = 130"));
  EXPECT_THAT(refusal({"model.config.vocab_size=300"}), HasSubstr("expected 256"));
  EXPECT_THAT(refusal({"model.config.max_position_embeddings=6"}),
              HasSubstr("rollout.max_new_tokens = 6: expected less"));
}

TEST(RunConfigTest, FilesThatAreNotThereAreNamed) {
  EXPECT_THAT(refusal({"model.path=models/none.gguf"}),
              HasSubstr("model.path = models/none.gguf: no such file"));
  EXPECT_THAT(refusal({"reward.kind=vader", "reward.lexicon_path=none.txt"}),
              HasSubstr("reward.lexicon_path = none.txt"));
  EXPECT_THAT(refusal({"task.kind=prompt_list", "task.path=none.txt"}),
              HasSubstr("task.path = none.txt"));
}

TEST(RunConfigTest, WhereMetricsGoIsAnAddressOrAKnownLogger) {
  const std::string expected = "expected an IPv4 address and a port, such as 127.0.0.1:9464";
  for (const std::string bad : {"9464", "127.0.0.1", "127.0.0.1:", "127.0.0.1:65536",
                                "127.0.0.1:9464s", "127.0.0:9464", "0.0.0.0:1,1.1.1.1:2"})
    EXPECT_THAT(refusal({"trainer.prometheus_address=" + bad}),
                HasSubstr("trainer.prometheus_address = " + bad + ": " + expected));
  EXPECT_EQ(refusal({"trainer.prometheus_address=0.0.0.0:0"}), "nothing was refused");
  EXPECT_THAT(refusal({"trainer.logger=[tensorbord]"}), HasSubstr("did you mean 'tensorboard'?"));
}

TEST(RunConfigTest, AlgorithmsThatMakeNoSenseAreRefused) {
  EXPECT_THAT(refusal({"algorithm.adv_estimator=grpo"}), HasSubstr("rollout.n = 1"));
  EXPECT_THAT(refusal({"actor.use_kl_loss=true"}), HasSubstr("use_kl_in_reward is on by default"));
  EXPECT_EQ(refusal({"actor.use_kl_loss=true", "algorithm.use_kl_in_reward=true"}),
            "nothing was refused");
  EXPECT_THAT(refusal({"actor.clip_ratio_c=0.5"}), HasSubstr("actor.clip_ratio_c"));
  EXPECT_THAT(refusal({"actor.optim.betas=[0.9]"}), HasSubstr("actor.optim.betas"));
  EXPECT_THAT(refusal({"actor.ppo_mini_batches=257"}),
              HasSubstr("at most one per response of a step, 256"));
  EXPECT_THAT(refusal({"cluster.heartbeat_limit_seconds=0.5"}),
              HasSubstr("heartbeat_limit_seconds"));
  EXPECT_THAT(refusal({"numerics.key_span=100"}), HasSubstr("expected an integer, only 1024"));
}

}  // namespace
}  // namespace troupe
