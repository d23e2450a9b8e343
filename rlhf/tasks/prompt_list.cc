#include "rlhf/tasks/prompt_list.h"

#include <algorithm>
#include <numeric>

#include "base/error.h"
#include "base/philox.h"

namespace troupe {
namespace {

// Element `place` of round `round`'s permutation of [0, count) (Fisher and Yates).
size_t shuffled(uint64_t seed, uint64_t round, size_t place, size_t count) {
  std::vector<size_t> order(count);
  std::iota(order.begin(), order.end(), size_t{0});
  for (size_t i = 0; i <= place; ++i) {
    const auto left = static_cast<uint64_t>(count - i);
    std::swap(order[i],
              order[i + uniform_below({seed, Purpose::kPrompt, round, 0, static_cast<uint32_t>(i)},
                                      left)]);
  }
  return order[place];
}

[[noreturn]] void no_answers(std::string_view what) {
  throw Error("a list of prompts knows no " + std::string(what) + "; use a task that has answers");
}

}  // namespace

PromptList::PromptList(std::string_view text) {
  while (!text.empty()) {
    const auto end = std::min(text.find('\n'), text.size());
    const auto line = text.substr(0, end);
    const auto last = line.find_last_not_of(" \t\r");
    if (last != line.npos) prompts_.emplace_back(line.substr(0, last + 1));
    text.remove_prefix(std::min(end + 1, text.size()));
  }
  CHECK(!prompts_.empty());
}

std::string PromptList::prompt(uint64_t seed, uint64_t index) const {
  const size_t count = prompts_.size();
  return prompts_[shuffled(seed, index / count, index % count, count)];
}

std::string PromptList::heldout_prompt(uint64_t, uint64_t index) const {
  CHECK(index < prompts_.size(), index, prompts_.size());
  return prompts_[index];
}

std::string PromptList::answer(std::string_view) const {
  no_answers("answer");
}

std::string PromptList::demonstration(uint64_t, uint64_t, std::string_view) const {
  no_answers("demonstration");
}

PreferencePair PromptList::preference_pair(uint64_t, uint64_t, std::string_view, std::string_view,
                                           std::string_view) const {
  no_answers("preference pair");
}

bool PromptList::is_skilled(std::string_view, std::string_view) const {
  no_answers("right response");
}

}  // namespace troupe
