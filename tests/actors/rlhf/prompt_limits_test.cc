#include "actors/rlhf/prompt_limits.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/error.h"
#include "tests/temporary_folder.h"

namespace troupe {
namespace {

using testing::HasSubstr;

// What a quickstart with these changes is refused for; "" if it is not.
std::string refusal(const std::vector<std::string>& overrides) {
  const std::string path = TROUPE_SOURCE_DIR "/configs/quickstart.yaml";
  const auto config = std::make_shared<const Config>(load_run_config(path, overrides));
  try {
    check_prompts_fit(RunSetup(config), *config);
    return "";
  } catch (const UsageError& e) {
    return e.what();
  }
}

// Its prompts have 6 tokens, its responses up to 6.
TEST(PromptLimitsTest, WhatJustFitsIsTaken) {
  EXPECT_EQ(refusal({"task.max_prompt_length=6", "model.config.max_position_embeddings=12",
                     "actor.ppo_max_token_len=11", "reward.max_tokens_per_pack=12"}),
            "");
}

TEST(PromptLimitsTest, NamesTheKeyThatIsTooSmallAndThePrompt) {
  EXPECT_THAT(refusal({"task.max_prompt_length=5"}),
              testing::MatchesRegex("--set task.max_prompt_length=5: task.max_prompt_length = 5: "
                                    "the prompt \"[0-9]+=\" has 6 tokens, expected at least 6"));
  EXPECT_THAT(refusal({"model.config.max_position_embeddings=11"}),
              HasSubstr("rollout.max_new_tokens = 6: the prompt"));
  EXPECT_THAT(refusal({"actor.ppo_max_token_len=10"}), HasSubstr("actor.ppo_max_token_len = 10: "));
  EXPECT_THAT(refusal({"reward.max_tokens_per_pack=11"}),
              HasSubstr("reward.max_tokens_per_pack = 11: "));
}

TEST(PromptLimitsTest, LooksAtEveryPromptOfAList) {
  TemporaryFolder folder;
  rewrite(folder / "prompts.txt", "one\nthe longest of all\ntwo\n");
  rewrite(folder / "lexicon.txt", "");
  const auto with_length = [&](const std::string& length) {
    return refusal({"task.kind=prompt_list", "task.path=" + folder / "prompts.txt", "sft.steps=0",
                    "reward.kind=vader", "reward.lexicon_path=" + folder / "lexicon.txt",
                    "task.max_prompt_length=" + length});
  };
  EXPECT_THAT(with_length("17"), HasSubstr("the prompt \"the longest of all\" has 18 tokens"));
  EXPECT_EQ(with_length("18"), "");
}

}  // namespace
}  // namespace troupe
