#include "rlhf/tasks/prompt_list.h"

#include <gtest/gtest.h>

#include <fstream>
#include <iterator>
#include <set>
#include <sstream>

namespace troupe {
namespace {

TEST(PromptListTest, HandsOutEveryPromptOnceARound) {
  const PromptList task("one\ntwo \r\n\n  \nthree");
  for (uint64_t round = 0; round < 5; ++round) {
    std::set<std::string> seen;
    for (uint64_t i = 0; i < 3; ++i) seen.insert(task.prompt(1, 3 * round + i));
    EXPECT_EQ(seen, (std::set<std::string>{"one", "two", "three"}));
  }
}

TEST(PromptListTest, RoundsDifferInOrder) {
  std::string text;
  for (int i = 0; i < 20; ++i) text += std::to_string(i) + "\n";
  const PromptList task(text);
  int same = 0;
  for (uint64_t i = 0; i < 20; ++i) same += task.prompt(1, i) == task.prompt(1, 20 + i);
  EXPECT_LT(same, 8);
}

TEST(PromptListTest, KnowsNoAnswersAndSaysSo) {
  const PromptList task("one");
  EXPECT_FALSE(task.has_answers());
  EXPECT_ANY_THROW(task.answer("one"));
  EXPECT_ANY_THROW(PromptList("\n \n"));
}

TEST(PromptListTest, ShippedOpeningsAreShortAndDifferent) {
  std::ifstream file(TROUPE_SOURCE_DIR "/data/sentiment_prompts.txt");
  std::stringstream text;
  text << file.rdbuf();
  const PromptList task(text.str());
  ASSERT_EQ(task.num_heldout(), 120);
  std::set<std::string> seen;
  for (int64_t i = 0; i < 120; ++i) {
    std::istringstream words(task.heldout_prompt(0, i));
    const auto count = std::distance(std::istream_iterator<std::string>(words), {});
    EXPECT_TRUE(count >= 3 && count <= 6) << task.heldout_prompt(0, i);
    seen.insert(task.heldout_prompt(0, i));
  }
  EXPECT_EQ(seen.size(), 120u);
}

}  // namespace
}  // namespace troupe
