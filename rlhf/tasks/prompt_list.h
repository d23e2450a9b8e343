// A task that is a list of openings, one a line, for a model that goes on writing. There are no
// answers: a reward model or a rule judges what comes.
#pragma once

#include <vector>

#include "rlhf/tasks/task.h"

namespace troupe {

class PromptList final : public Task {
 public:
  // `text` is the content of a file with a prompt a line; empty lines are left out, and so is white
  // space at a line's end. Throws where no prompt is left.
  explicit PromptList(std::string_view text);

  // Goes through the whole list in a new order each time round.
  std::string prompt(uint64_t seed, uint64_t index) const override;
  // The list itself, in file order: without answers there is nothing to hold out.
  int64_t num_heldout() const override { return static_cast<int64_t>(prompts_.size()); }
  std::string heldout_prompt(uint64_t seed, uint64_t index) const override;

  bool has_answers() const override { return false; }
  std::string answer(std::string_view prompt) const override;
  std::string demonstration(uint64_t seed, uint64_t index, std::string_view prompt) const override;
  PreferencePair preference_pair(uint64_t seed, uint64_t index, std::string_view prompt,
                                 std::string_view sample_a,
                                 std::string_view sample_b) const override;
  bool is_skilled(std::string_view prompt, std::string_view response) const override;

 private:
  std::vector<std::string> prompts_;
};

}  // namespace troupe
