#include "actors/rlhf/prompt_limits.h"

#include "actors/rollout/prompt_source.h"

namespace troupe {
namespace {

struct Prompt {
  std::string text;
  int64_t length = 0;  // tokens
};

// A task with answers makes its prompts, all of one length; a list has every one that is handed
// out.
Prompt longest_prompt(const RunSetup& setup) {
  const auto& task = *setup.task();
  const auto chat_template = setup.chat_template();
  Prompt longest;
  for (int64_t i = 0; i < (task.has_answers() ? 1 : task.num_heldout()); ++i) {
    const auto text =
        task.heldout_prompt(setup.config().getRun().getSeed(), static_cast<uint64_t>(i));
    const auto ids = encode_prompt(*setup.tokenizer(), chat_template, text);
    if (std::ssize(ids) > longest.length) longest = {text, std::ssize(ids)};
  }
  return longest;
}

}  // namespace

void check_prompts_fit(const RunSetup& setup, const Config& config) {
  const auto run = setup.config();
  const auto prompt = longest_prompt(setup);
  const int64_t response = run.getRollout().getMaxNewTokens();
  const auto named = "the prompt \"" + prompt.text.substr(0, 60) + "\" has " +
                     std::to_string(prompt.length) + " tokens";
  const auto require = [&](int64_t room, int64_t needed, const std::string& key) {
    if (room >= needed) return;
    config.reject(key, " = " + std::to_string(room) + ": " + named + ", expected at least " +
                           std::to_string(needed));
  };
  require(run.getTask().getMaxPromptLength(), prompt.length, "task.max_prompt_length");
  const int64_t context = setup.llama().max_position_embeddings, whole = prompt.length + response;
  if (whole > context)
    config.reject("rollout.max_new_tokens", " = " + std::to_string(response) + ": " + named +
                                                ", and the model's context is " +
                                                std::to_string(context));
  require(run.getActor().getPpoMaxTokenLen(), whole - 1, "actor.ppo_max_token_len");
  if (setup.has_reward_model())
    require(run.getReward().getMaxTokensPerPack(), whole, "reward.max_tokens_per_pack");
}

}  // namespace troupe
