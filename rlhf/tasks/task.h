// A task hands out prompts and, where it knows the truth, what a good response is. Every function
// is pure: an address (seed, index) in, text out, so any process can make any prompt again.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace troupe {

struct PreferencePair {
  std::string prompt, chosen, rejected;
};

class Task {
 public:
  virtual ~Task() = default;

  // The prompt of hand-out `index` of a run; never one of the held-out prompts, where there are
  // any.
  virtual std::string prompt(uint64_t seed, uint64_t index) const = 0;

  // Prompts for evaluation, all different for index in [0, num_heldout()).
  virtual int64_t num_heldout() const = 0;
  virtual std::string heldout_prompt(uint64_t seed, uint64_t index) const = 0;

  // Whether the functions below exist; they throw where it is false.
  virtual bool has_answers() const = 0;
  // The one right response, its end of sequence included.
  virtual std::string answer(std::string_view prompt) const = 0;
  // What the supervised warm-up learns as the response of example `index`.
  virtual std::string demonstration(uint64_t seed, uint64_t index,
                                    std::string_view prompt) const = 0;
  // A better and a worse response, made from two samples of the policy, the answer and damaged
  // answers.
  virtual PreferencePair preference_pair(uint64_t seed, uint64_t index, std::string_view prompt,
                                         std::string_view sample_a,
                                         std::string_view sample_b) const = 0;
  // Whether the response shows the skill, be it with the wrong preference.
  virtual bool is_skilled(std::string_view prompt, std::string_view response) const = 0;
};

// Share of responses that are the answer to their prompt, in [0, 1]; 0 of nothing is 0.
double accuracy(const Task& task, const std::vector<std::string>& prompts,
                const std::vector<std::string>& responses);

}  // namespace troupe
