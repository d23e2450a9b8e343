#include "actors/rlhf/run_progress.h"

#include <gtest/gtest.h>

#include <fstream>
#include <sstream>

#include "actors/rlhf/run_setup.h"
#include "tests/temporary_folder.h"

namespace troupe {
namespace {

class MetricsTest : public testing::Test {
 protected:
  std::string kept(const RunProgress& progress) {
    {
      auto file = open_metrics(path, progress);
      file << "next\n";
    }
    std::stringstream text;
    text << std::ifstream(path).rdbuf();
    return text.str();
  }

  const std::string sft = R"({"phase":"sft","training/global_step":1})"
                          "\n";
  const std::string reward = R"({"phase":"reward","training/global_step":1})"
                             "\n";
  const std::string start = R"({"phase":"ppo","training/global_step":0})"
                            "\n";
  const std::string first = R"({"phase":"ppo","training/global_step":1})"
                            "\n";
  const std::string second = R"({"phase":"ppo","training/global_step":2})"
                             "\n";
  TemporaryFolder folder;
  const std::string path = folder / "metrics.jsonl";
};

TEST_F(MetricsTest, ANewRunStartsAnEmptyFile) {
  EXPECT_EQ(kept({}), "next\n");
}

TEST_F(MetricsTest, APhaseThatWasNotEndedIsDoneAgain) {
  rewrite(path, sft + reward);
  EXPECT_EQ(kept({.has_sft = true}), sft + "next\n");
  rewrite(path, sft);
  EXPECT_EQ(kept({}), "next\n");
}

TEST_F(MetricsTest, WithoutACheckpointAllOfPpoIsDoneAgain) {
  rewrite(path, sft + reward + start + first);
  EXPECT_EQ(kept({.has_sft = true, .has_reward = true}), sft + reward + "next\n");
}

TEST_F(MetricsTest, StepsAfterTheCheckpointAndALineThatACrashCutOffAreTakenOut) {
  rewrite(path, sft + reward + start + first + second + R"({"phase":"ppo","trai)");
  EXPECT_EQ(kept({.has_sft = true, .has_reward = true, .step = 1}),
            sft + reward + start + first + "next\n");
}

RunSetup setup(const std::vector<std::string>& overrides) {
  const std::string quickstart = TROUPE_SOURCE_DIR "/configs/quickstart.yaml";
  return RunSetup(std::make_shared<const Config>(load_run_config(quickstart, overrides)));
}

TEST(RunProgressTest, ARunIsDoneAfterItsPhasesAndItsLastStep) {
  const auto run = setup({"trainer.total_steps=3"});
  EXPECT_FALSE((RunProgress{.has_sft = true, .has_reward = true, .step = 2}).is_done(run));
  EXPECT_TRUE((RunProgress{.has_sft = true, .has_reward = true, .step = 3}).is_done(run));
}

TEST(RunProgressTest, ARunWithoutPpoIsDoneWhenItsPhasesAre) {
  const auto run = setup({"trainer.total_steps=0"});
  EXPECT_FALSE(RunProgress{}.is_done(run));
  EXPECT_FALSE(RunProgress{.has_sft = true}.is_done(run));
  EXPECT_TRUE((RunProgress{.has_sft = true, .has_reward = true}).is_done(run));
  TemporaryFolder folder;
  rewrite(folder / "lexicon.txt", "");
  const auto by_rule = setup({"trainer.total_steps=0", "sft.steps=0", "reward.kind=vader",
                              "reward.lexicon_path=" + folder / "lexicon.txt"});
  EXPECT_TRUE(RunProgress{}.is_done(by_rule));
}

}  // namespace
}  // namespace troupe
