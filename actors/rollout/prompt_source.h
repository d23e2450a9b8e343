// Hands out the run's prompts, demonstrations and preference pairs. All of them are functions of
// (seed, number), so a prompt can be handed out again, the same, to anybody.
#pragma once

#include <caf/all.hpp>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "actors/messages.h"
#include "actors/trace/traced.h"
#include "rlhf/tasks/task.h"
#include "text/tokenizer.h"

namespace troupe {

using PromptSource =
    caf::typed_actor<caf::reacts_to<Peers>, caf::reacts_to<Trajectories>,
                     caf::reacts_to<KeepSamples>, caf::replies_to<HandOut>::with<HandedOut>,
                     caf::replies_to<Collect>::with<Trajectories>,
                     caf::replies_to<TakeDemonstrations>::with<Examples>,
                     caf::replies_to<TakePreferencePairs>::with<Examples>>;

// The ids of a prompt, as a user's message where there is a chat template.
std::vector<int32_t> encode_prompt(const Tokenizer& tokenizer, const std::string& chat_template,
                                   const std::string& text);

struct PromptSourceConfig {
  std::shared_ptr<const Task> task;
  std::shared_ptr<const Tokenizer> tokenizer;
  std::string chat_template;  // empty: prompts are used as they are
  uint64_t seed = 0;
  int64_t max_prompt_length = 0;  // tokens
  std::vector<std::string> engines;
};

class PromptSourceState {
 public:
  std::string name = "prompt_source";
  PromptSourceConfig config;
  std::vector<caf::strong_actor_ptr> engines;

  // Prompt `index` of a use, as text.
  std::string prompt_text(PromptUse use, int64_t index) const;
  std::vector<int32_t> encode_prompt(const std::string& text) const;
  // The work of one engine: every num_engines-th prompt.
  Generate work_for(const HandOut& hand_out, int64_t engine, int64_t num_engines) const;
  Examples demonstrations(const TakeDemonstrations& take) const;
  // Samples of the policy for pool prompts, of which pairs are made.
  void keep_samples(const Trajectories& samples);
  // Responses that somebody waits for; one collection at a time.
  void start_collecting(int64_t count, caf::typed_response_promise<Trajectories> done,
                        std::function<void()> on_complete = {});
  void collect(const Trajectories& batch);
  Examples preference_pairs(const TakePreferencePairs& take) const;

 private:
  Example example(const std::string& prompt, const std::string& response) const;

  struct Collecting {
    int64_t missing = 0;
    Trajectories all;
    caf::typed_response_promise<Trajectories> done;
    std::function<void()> on_complete;
  };
  std::optional<Collecting> collecting_;
  std::map<int64_t, std::map<int32_t, std::string>> samples_;  // by pool prompt, sample index
};

PromptSource::behavior_type prompt_source(Traced<PromptSource, PromptSourceState>* self,
                                          PromptSourceConfig config);

}  // namespace troupe
