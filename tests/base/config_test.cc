#include "base/config.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <fstream>

#include "base/error.h"
#include "storage/schema/run_config.capnp.h"

namespace troupe {
namespace {

using testing::HasSubstr;
using testing::StartsWith;

Config run_config(const std::string& yaml = "") {
  Config config(capnp::Schema::from<RunConfig>());
  if (!yaml.empty()) config.read_text(yaml, "run.yaml");
  return config;
}

// The message of the UsageError that `body` throws.
template <class Body>
std::string refusal(Body&& body) {
  try {
    body();
  } catch (const UsageError& e) {
    return e.what();
  }
  return "nothing was refused";
}

std::string refusal_of(const std::string& yaml) {
  return refusal([&] { run_config(yaml); });
}

std::string refusal_of_set(const std::string& assignment) {
  return refusal([&] { run_config("cluster: {nodes: [{name: a}]}").set(assignment); });
}

class ConfigFileTest : public testing::Test {
 protected:
  void SetUp() override { std::filesystem::create_directory(folder_); }
  void TearDown() override { std::filesystem::remove_all(folder_); }
  std::filesystem::path write(const std::string& name, const std::string& text) {
    std::ofstream(folder_ / name) << text;
    return folder_ / name;
  }
  std::filesystem::path folder_ = std::filesystem::path(testing::TempDir()) /
                                  (std::string("troupe_config_") +
                                   testing::UnitTest::GetInstance()->current_test_info()->name());
};

TEST(ConfigTest, GivesTheSchemasDefaults) {
  auto config = run_config();
  auto run = config.as<RunConfig>();
  EXPECT_EQ(run.getModel().getConfig().getHiddenSize(), 128);
  EXPECT_EQ(run.getSft().getOptim().getLr(), 2e-3);  // a section's own default
  EXPECT_EQ(run.getActor().getOptim().getLr(), 1e-6);
  EXPECT_EQ(run.getSft().getOptim().getBetas()[1], 0.95);
}

TEST(ConfigTest, ReadsEveryTypeOfValue) {
  auto config = run_config(
      "run: {seed: 18446744073709551615, name: 007}\n"
      "cluster:\n  one_process: true\n  nodes:\n    - {name: a, compute_threads: 2}\n    - name: "
      "b\n"
      "sft:\n  optim:\n    lr: 1e-4\n    betas: [0.8, 0.9]\n    lr_scheduler_type: cosine\n");
  auto run = config.as<RunConfig>();
  EXPECT_EQ(run.getRun().getSeed(), ~uint64_t{0});
  EXPECT_STREQ(run.getRun().getName().cStr(), "007");
  EXPECT_TRUE(run.getCluster().getOneProcess());
  ASSERT_EQ(run.getCluster().getNodes().size(), 2u);
  EXPECT_EQ(run.getCluster().getNodes()[0].getComputeThreads(), 2);
  EXPECT_STREQ(run.getCluster().getNodes()[1].getName().cStr(), "b");
  EXPECT_EQ(run.getSft().getOptim().getLr(), 1e-4);
  EXPECT_EQ(run.getSft().getOptim().getBetas()[0], 0.8);
  EXPECT_EQ(run.getSft().getOptim().getLrSchedulerType(), RunConfig::LrSchedulerType::COSINE);
  EXPECT_EQ(run.getSft().getOptim().getWeightDecay(), 0.01);  // what the file leaves out stays
}

TEST(ConfigTest, AnUnknownKeyIsNamedWithItsPlaceAndTheNearest) {
  EXPECT_THAT(
      refusal_of("model:\n  config:\n    hiden_size: 64\n"),
      StartsWith(
          "run.yaml:3:5: unknown key 'model.config.hiden_size', did you mean 'hidden_size'?"));
  EXPECT_THAT(refusal_of("xyzzy: 1"), HasSubstr("known at the top: run, cluster, model"));
}

TEST(ConfigTest, AWrongTypeSaysWhatWasExpected) {
  EXPECT_THAT(
      refusal_of("run:\n  seed: abc\n"),
      StartsWith("run.yaml:2:9: run.seed = abc: expected an integer\n  run.seed: address of"));
  EXPECT_THAT(refusal_of("run: {seed: \"3\"}"), HasSubstr("run.seed = \"3\": expected an integer"));
  EXPECT_THAT(refusal_of("run: {seed: 1.5}"), HasSubstr("run.seed = 1.5: expected an integer"));
  EXPECT_THAT(refusal_of("run: {seed: [1]}"), HasSubstr("run.seed = a list: expected an integer"));
  EXPECT_THAT(refusal_of("run: {seed: }"), HasSubstr("run.seed = nothing: expected an integer"));
  EXPECT_THAT(refusal_of("run: {name: {a: b}}"), HasSubstr("run.name = a map: expected text"));
  EXPECT_THAT(refusal_of("run: 3"), HasSubstr("run = 3: expected a map"));
  EXPECT_THAT(refusal_of("- run"), HasSubstr("run.yaml:1:1: a list: expected a map"));
  EXPECT_THAT(refusal_of("cluster: {one_process: yes}"), HasSubstr("expected true or false"));
  EXPECT_THAT(refusal_of("roles: {policy: {stages: a}}"),
              HasSubstr("expected a list, each item text"));
}

TEST(ConfigTest, ANumberOutOfRangeIsRefused) {
  EXPECT_THAT(refusal_of("rollout: {temperature: 0}"),
              HasSubstr("expected a number, above 0.0, at most 100.0"));
  EXPECT_THAT(refusal_of("actor: {ppo_epochs: 0}"), HasSubstr("expected an integer, at least 1"));
  EXPECT_THAT(refusal_of("trainer: {total_steps: 3000000000}"),
              HasSubstr("total_steps = 3000000000"));
  EXPECT_THAT(refusal_of("run: {seed: -1}"), HasSubstr("run.seed = -1"));
  EXPECT_THAT(refusal_of("run: {seed: 18446744073709551616}"),
              HasSubstr("run.seed = 18446744073709551616"));
  EXPECT_THAT(refusal_of("critic: {optim: {lr: .nan}}"), HasSubstr("critic.optim.lr = .nan"));
  EXPECT_THAT(refusal_of("critic: {optim: {lr: nan}}"), HasSubstr("critic.optim.lr = nan"));
  EXPECT_THAT(refusal_of("critic: {optim: {lr: 1e999}}"), HasSubstr("critic.optim.lr = 1e999"));
  EXPECT_THAT(refusal_of("critic: {optim: {betas: [0.9, 1.5]}}"),
              HasSubstr("critic.optim.betas.1 = 1.5"));
}

TEST(ConfigTest, AnUnknownNameIsRefusedWithTheNearest) {
  EXPECT_THAT(
      refusal_of("algorithm: {adv_estimator: grop}"),
      HasSubstr("adv_estimator = grop: expected one of gae, grpo, rloo, did you mean 'grpo'?"));
}

TEST(ConfigTest, WhatIsNoYamlIsRefusedWithItsPlace) {
  EXPECT_THAT(refusal_of("run:\n\tseed: 1\n"),
              StartsWith("run.yaml:2:1: a tab in the indentation"));
  EXPECT_THAT(refusal_of("run: {seed: 1\n"), HasSubstr("not valid YAML"));
  EXPECT_THAT(refusal_of("# nothing\n"), StartsWith("run.yaml: empty"));
  EXPECT_THAT(refusal_of("run: {seed: 1}\n---\nrun: {seed: 2}\n"), HasSubstr("a second document"));
  EXPECT_THAT(refusal_of("run: {seed: 1, seed: 2}"),
              HasSubstr("run.yaml:1:16: run.seed stands here for the second time"));
  EXPECT_THAT(refusal_of("? [run]\n: 1\n"), HasSubstr("a list as a key"));
  EXPECT_THAT(refusal_of(std::string(100000, '[')), StartsWith("run.yaml"));
}

TEST(ConfigTest, SetReplacesValuesAndListItemsAndAppends) {
  auto config = run_config("cluster: {nodes: [{name: a, compute_threads: 3}]}");
  config.set("actor.optim.lr=3e-4");
  config.set("run.name=a: b # c");
  config.set("cluster.nodes.0.compute_threads=2");
  config.set("cluster.nodes.1.name=b");
  config.set("roles.policy.stages=[a, b]");
  config.set("roles.policy.stages.1=a");
  config.set("roles.policy.stages.2=b");
  auto run = config.as<RunConfig>();
  EXPECT_EQ(run.getActor().getOptim().getLr(), 3e-4);
  EXPECT_STREQ(run.getRun().getName().cStr(), "a: b # c");
  EXPECT_EQ(run.getCluster().getNodes()[0].getComputeThreads(), 2);
  EXPECT_STREQ(run.getCluster().getNodes()[0].getName().cStr(), "a");
  EXPECT_STREQ(run.getCluster().getNodes()[1].getName().cStr(), "b");
  EXPECT_EQ(run.getRoles().getPolicy().getStages().size(), 3u);
  EXPECT_STREQ(run.getRoles().getPolicy().getStages()[1].cStr(), "a");
}

TEST(ConfigTest, SetRefusesWhatAFileMayNotSay) {
  EXPECT_THAT(refusal_of_set("run.sed=1"),
              StartsWith("--set run.sed=1: unknown key 'run.sed', did you mean 'seed'?"));
  EXPECT_THAT(refusal_of_set("run.seed=x"),
              StartsWith("--set run.seed=x: run.seed = x: expected an integer"));
  EXPECT_THAT(refusal_of_set("run.seed"), HasSubstr("expected key.path=value"));
  EXPECT_THAT(refusal_of_set("=3"), HasSubstr("expected key.path=value"));
  EXPECT_THAT(refusal_of_set("run..seed=3"), HasSubstr("unknown key 'run.'"));
  EXPECT_THAT(refusal_of_set("run.seed.x=3"), HasSubstr("run.seed has no keys"));
  EXPECT_THAT(refusal_of_set("run=3"), HasSubstr("expected a map"));
  EXPECT_THAT(refusal_of_set("cluster.nodes.2.name=c"),
              HasSubstr("cluster.nodes has 1 items: expected an index from 0 to 1, found '2'"));
  EXPECT_THAT(refusal_of_set("cluster.nodes.0=[1"), HasSubstr("not valid YAML"));
}

TEST(ConfigTest, RemembersWhereEachValueComesFrom) {
  auto config = run_config("run:\n  seed: 3\ncluster:\n  nodes: [{name: a}]\n");
  config.set("run.name=x");
  EXPECT_EQ(config.origin("run.seed"), "run.yaml:2:9");
  EXPECT_EQ(config.origin("cluster.nodes"), "run.yaml:4:10");
  EXPECT_EQ(config.origin("run.name"), "--set run.name=x");
  EXPECT_EQ(config.origin("run.dir"), "default");
  EXPECT_THAT(config.to_yaml(true), HasSubstr("  seed: 3  # run.yaml:2:9\n"));
  config.read_text("cluster: {nodes: []}", "other.yaml");
  EXPECT_EQ(config.origin("cluster.nodes.0.name"), "default");
}

TEST(ConfigTest, WhatItWritesReadsBackTheSame) {
  auto config = run_config(
      "run: {name: \"tab\\t quote\\\" ü: #\", seed: 18446744073709551615}\n"
      "actor: {optim: {lr: 1e-05, eps: 1.2345678901234567e-8}}\n"
      "cluster: {nodes: [{name: a}, {name: b, compute_threads: 1}]}\nroles: {policy: {stages: [a, "
      "b]}}\n");
  const std::string yaml = config.to_yaml();
  EXPECT_EQ(run_config(yaml).to_yaml(), yaml);
  EXPECT_THAT(yaml, HasSubstr("lr: 1.0e-05"));
  EXPECT_EQ(run_config(yaml).as<RunConfig>().getActor().getOptim().getEps(), 1.2345678901234567e-8);
}

// Characters that mean something to YAML, and some that mean nothing to anyone.
RC_GTEST_PROP(ConfigTest, ADamagedFileIsAConfigOrOneUsageError, ()) {
  std::string yaml = run_config("run: {name: a}\ncluster: {nodes: [{name: a}]}").to_yaml();
  const char characters[] =
      "\0\t\n\r :{}[],\"'&*-#|>%@`!?~<=\xff\x80"
      "0e.";
  const std::string damage(characters, sizeof(characters) - 1);
  for (int i = 0; i < 3; ++i) {
    yaml[*rc::gen::inRange<size_t>(0, yaml.size())] =
        damage[*rc::gen::inRange<size_t>(0, damage.size())];
  }
  try {
    run_config(yaml);
  } catch (const UsageError& e) {
    RC_ASSERT(std::string(e.what()).starts_with("run.yaml"));
  }
}

TEST_F(ConfigFileTest, ABaseFileIsReadFirst) {
  write("base.yaml", "run: {seed: 1, name: base}\nroles: {policy: {stages: [a, b]}}\n");
  auto config = run_config();
  config.read_file(
      write("run.yaml", "base: base.yaml\nrun: {seed: 2}\nroles: {policy: {stages: [c]}}\n"));
  auto run = config.as<RunConfig>();
  EXPECT_EQ(run.getRun().getSeed(), 2u);
  EXPECT_STREQ(run.getRun().getName().cStr(), "base");
  EXPECT_EQ(run.getRoles().getPolicy().getStages().size(), 1u);
  EXPECT_THAT(config.origin("run.name"), testing::EndsWith("base.yaml:1:22"));
}

TEST_F(ConfigFileTest, FilesThatCannotBeReadAreNamed) {
  write("quickstart.yaml", "run: {seed: 1}");
  const auto read = [&](const std::filesystem::path& path) {
    return refusal([&] { run_config().read_file(path); });
  };
  EXPECT_THAT(read(folder_ / "quikstart.yaml"),
              HasSubstr("quikstart.yaml: no such file, did you mean"));
  EXPECT_THAT(read(folder_), HasSubstr("a folder, expected a YAML file"));
  EXPECT_THAT(read(write("empty.yaml", "")), HasSubstr("empty.yaml: empty"));
  EXPECT_THAT(read(write("model.yaml", std::string(2 << 20, 'x'))),
              HasSubstr("larger than a config can be"));
  EXPECT_THAT(read(write("ring.yaml", "base: ring.yaml\n")), HasSubstr("lead back to it"));
  EXPECT_THAT(read(write("child.yaml", "base: parent.yaml\n")),
              HasSubstr("parent.yaml: no such file"));
}

}  // namespace
}  // namespace troupe
