#include "actors/rlhf/run_setup.h"

#include <gtest/gtest.h>

#include <set>

#include "actors/train/stage.h"
#include "base/run_config.h"
#include "tests/temporary_folder.h"

namespace troupe {
namespace {

// A run folder of the quickstart with these changes.
class RunSetupTest : public testing::Test {
 protected:
  RunSetup quickstart(const std::vector<std::string>& overrides = {}) {
    const std::string path = std::string(TROUPE_SOURCE_DIR) + "/configs/quickstart.yaml";
    rewrite(folder / "config.yaml", load_run_config(path, overrides).to_yaml());
    return RunSetup(folder.path());
  }
  static std::map<std::string, std::string> nodes_by_address(const ClusterPlan& plan) {
    std::map<std::string, std::string> nodes;
    for (const auto& actor : plan.actors) nodes[actor.address] = actor.node;
    return nodes;
  }
  TemporaryFolder folder;
};

TEST_F(RunSetupTest, TheQuickstartHasEveryKindOfActorOnItsNode) {
  const auto plan = quickstart().plan();
  std::vector<std::string> nodes;
  for (const auto& node : plan.nodes) nodes.push_back(node.name);
  EXPECT_EQ(nodes,
            (std::vector<std::string>{"trainer-0", "trainer-1", "judge", "critic", "office"}));
  std::set<std::string> kinds;
  for (const auto& actor : plan.actors) kinds.insert(actor.kind);
  EXPECT_EQ(kinds, (std::set<std::string>{"stage", "rollout_engine", "weight_store",
                                          "prompt_source", "ledger", "packer", "reward",
                                          "coordinator", "checkpoint_writer"}));
  const auto where = nodes_by_address(plan);
  EXPECT_EQ(where.at("policy/pp0"), "trainer-0");
  EXPECT_EQ(where.at("policy/pp1"), "trainer-1");
  EXPECT_EQ(where.at("reference/pp0"), "judge");
  EXPECT_EQ(where.at("reward/pp1"), "critic");
  EXPECT_EQ(where.at("critic/pp0"), "critic");
  EXPECT_EQ(where.at("rollout/1"), "trainer-1");
  EXPECT_EQ(where.at("coordinator"), "office");
  EXPECT_EQ(where.at("weight_store/policy"), "trainer-0");
  for (const auto& node : nodes)
    EXPECT_EQ(where.at(quickstart().writer_address(node)), node) << "a checkpoint writer a node";
}

TEST_F(RunSetupTest, InOneProcessTheSameActorsLiveInTheLauncher) {
  const auto spread = quickstart(), together = quickstart({"cluster.one_process=true"});
  const auto plan = together.plan();
  ASSERT_EQ(plan.nodes.size(), 1u);
  const auto where = nodes_by_address(plan);
  EXPECT_EQ(where.size(), nodes_by_address(spread.plan()).size());
  for (const auto& [address, node] : nodes_by_address(spread.plan())) {
    EXPECT_EQ(where.at(address), kLauncherNode) << address;
    EXPECT_EQ(together.node_of(address), node) << "the writer of a stage is its own in both";
  }
}

TEST_F(RunSetupTest, OffloadedMomentsLieInTheRunFolderOrTheOneThatIsNamed) {
  EXPECT_FALSE(quickstart().stage_options("policy").moments_folder);
  EXPECT_EQ(quickstart({"parallel.offload=[optimizer]"}).stage_options("policy").moments_folder,
            folder.path());
  EXPECT_EQ(quickstart({"parallel.offload=[optimizer]", "parallel.offload_folder=/tmp"})
                .stage_options("policy")
                .moments_folder,
            "/tmp");
  try {
    quickstart({"parallel.offload=[optimizer, weights]"});
    FAIL();
  } catch (const UsageError& error) {
    EXPECT_NE(std::string(error.what()).find("parallel.offload = weights"), std::string::npos)
        << error.what();
  }
}

TEST_F(RunSetupTest, GrpoByARuleHasNeitherCriticNorRewardModel) {
  rewrite(folder / "lexicon.txt", "");
  const auto setup = quickstart({"algorithm.adv_estimator=grpo", "rollout.n=2", "reward.kind=vader",
                                 "reward.lexicon_path=" + folder / "lexicon.txt"});
  const auto where = nodes_by_address(setup.plan());
  for (const char* role : {"critic", "reward"}) {
    EXPECT_TRUE(setup.stage_addresses(role).empty()) << role;
    EXPECT_FALSE(where.contains(std::string(role) + "/pp0")) << role;
  }
  EXPECT_TRUE(where.contains("reward")) << "the rule's actor";
  EXPECT_EQ(setup.stage_addresses("policy").size(), 2u);
  EXPECT_TRUE(quickstart().has_critic() && quickstart().has_reward_model());
}

TEST_F(RunSetupTest, WhatIsPlacedNowhereLivesOnTheFirstNode) {
  const auto where =
      nodes_by_address(quickstart({"roles.ledger=", "roles.rollout.nodes=[]"}).plan());
  EXPECT_EQ(where.at("ledger"), "trainer-0");
  EXPECT_EQ(where.at("rollout/0"), "trainer-0");
  EXPECT_FALSE(where.contains("rollout/1"));
}

TEST_F(RunSetupTest, WithoutAKlThereIsNoReference) {
  EXPECT_TRUE(quickstart().has_reference());
  EXPECT_FALSE(quickstart({"algorithm.kl_ctrl.kl_coef=0"}).has_reference());
  EXPECT_TRUE(
      quickstart({"algorithm.use_kl_in_reward=false", "actor.use_kl_loss=true"}).has_reference());
}

TEST_F(RunSetupTest, ANewModelHasTheByteTokenizerAndEndsAtItsEndOfSequence) {
  const auto setup = quickstart();
  EXPECT_EQ(setup.end_ids(), (std::vector<int32_t>{'\n'}));
  EXPECT_EQ(setup.tokenizer()->encode("7="), (std::vector<int32_t>{'7', '='}));
  EXPECT_EQ(setup.llama().head_dim, 32);
  EXPECT_EQ(setup.model_config().at("architectures").at(0), "LlamaForCausalLM");
}

}  // namespace
}  // namespace troupe
