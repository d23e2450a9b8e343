// The quickstart's task: sort five digits, "40713=" to "01347\n", in a byte vocabulary; the newline
// ends the sequence. Demonstrations sort up or down, so that supervised training teaches the skill
// and only the learned reward teaches the preference. Prompts are held out by a hash of their
// sorted digits: no training prompt has the same digits as a held-out one in any order.
#pragma once

#include <vector>

#include "rlhf/tasks/task.h"

namespace troupe {

class SortDigits final : public Task {
 public:
  static constexpr int kDigits = 5;
  static constexpr double kAscendingShare =
      0.35;  // of the demonstrations, unless told; the others descend
  static constexpr char kEndOfSequence = '\n';

  explicit SortDigits(double ascending_share = kAscendingShare);

  std::string prompt(uint64_t seed, uint64_t index) const override;
  int64_t num_heldout() const override { return static_cast<int64_t>(heldout_.size()); }
  std::string heldout_prompt(uint64_t seed, uint64_t index) const override;

  bool has_answers() const override { return true; }
  std::string answer(std::string_view prompt) const override;  // ascending
  std::string demonstration(uint64_t seed, uint64_t index, std::string_view prompt) const override;
  // Fewer wrong places wins; candidates that tie are drawn again.
  PreferencePair preference_pair(uint64_t seed, uint64_t index, std::string_view prompt,
                                 std::string_view sample_a,
                                 std::string_view sample_b) const override;
  // Whether the response is the prompt's digits in one of the two orders, ended.
  bool is_skilled(std::string_view prompt, std::string_view response) const override;

 private:
  double ascending_share_;
  std::vector<int32_t> heldout_;  // the digits as a number, ascending
};

// Whether a multiset of digits is kept out of training (about one in eight is), in any order.
bool is_heldout(std::string_view digits);

// Places at which the two differ; a place that only one of them has differs.
int wrong_places(std::string_view response, std::string_view answer);

}  // namespace troupe
