#include "rlhf/tasks/sort_digits.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <set>

namespace troupe {
namespace {

std::string sorted_digits(std::string prompt) {
  std::sort(prompt.begin(), prompt.end() - 1);
  return prompt;
}

TEST(SortDigitsTest, AnswersAscending) {
  const SortDigits task;
  EXPECT_EQ(task.answer("40713="), "01347\n");
  EXPECT_EQ(task.answer("99099="), "09999\n");
  EXPECT_ANY_THROW(task.answer("4071="));
  EXPECT_ANY_THROW(task.answer("4a713="));
}

TEST(SortDigitsTest, NeverTrainsOnTheDigitsOfAHeldOutPrompt) {
  const SortDigits task;
  std::set<std::string> heldout, training;
  for (int64_t i = 0; i < task.num_heldout(); ++i)
    heldout.insert(sorted_digits(task.heldout_prompt(3, i)));
  for (uint64_t i = 0; i < 20000; ++i) training.insert(sorted_digits(task.prompt(3, i)));
  for (const auto& digits : heldout) EXPECT_EQ(training.count(digits), 0u) << digits;
  EXPECT_GT(training.size(), 1600u);
}

TEST(SortDigitsTest, HoldsOutATenthToASeventhOfTheMultisets) {
  const SortDigits task;
  std::set<std::string> multisets;
  for (int64_t i = 0; i < task.num_heldout(); ++i)
    multisets.insert(sorted_digits(task.heldout_prompt(3, i)));
  EXPECT_GT(multisets.size(), 200u);  // of 2002
  EXPECT_LT(multisets.size(), 300u);
}

TEST(SortDigitsTest, HeldOutPromptsAreDistinctAndOrderedBySeed) {
  const SortDigits task;
  ASSERT_GE(task.num_heldout(), 2048);
  std::set<std::string> seen;
  int same_under_other_seed = 0;
  for (uint64_t i = 0; i < 2048; ++i) {
    seen.insert(task.heldout_prompt(5, i));
    same_under_other_seed += task.heldout_prompt(5, i) == task.heldout_prompt(6, i);
  }
  EXPECT_EQ(seen.size(), 2048u);
  EXPECT_LT(same_under_other_seed, 20);
}

TEST(SortDigitsTest, PromptsDependOnSeedAndIndexAlone) {
  const SortDigits a, b;
  EXPECT_EQ(a.prompt(1, 77), b.prompt(1, 77));
  std::set<std::string> seen;
  for (uint64_t i = 0; i < 50; ++i) {
    seen.insert(a.prompt(1, i));
    seen.insert(a.prompt(2, i));
  }
  EXPECT_GT(seen.size(), 90u);
}

TEST(SortDigitsTest, DemonstratesAscendingInThirtyFivePercent) {
  const SortDigits task;
  int ascending = 0;
  for (uint64_t i = 0; i < 4000; ++i) {
    const auto response = task.demonstration(9, i, "40713=");
    ASSERT_TRUE(response == "01347\n" || response == "74310\n") << response;
    ascending += response == "01347\n";
  }
  EXPECT_NEAR(ascending / 4000.0, SortDigits::kAscendingShare, 0.03);
}

TEST(SortDigitsTest, RecognisesBothOrdersAndNothingElse) {
  const SortDigits task;
  EXPECT_TRUE(task.is_skilled("40713=", "01347\n"));
  EXPECT_TRUE(task.is_skilled("40713=", "74310\n"));
  EXPECT_FALSE(task.is_skilled("40713=", "01347"));
  EXPECT_FALSE(task.is_skilled("40713=", "01437\n"));
  EXPECT_FALSE(task.is_skilled("40713=", "01348\n"));
}

TEST(SortDigitsTest, PrefersFewerWrongPlacesAndNeverATie) {
  const SortDigits task;
  int against_samples = 0, swaps = 0, ended_early = 0;
  for (uint64_t i = 0; i < 2000; ++i) {
    const auto prompt = task.prompt(4, i);
    const auto answer = task.answer(prompt);
    const auto pair = task.preference_pair(4, i, prompt, "74310\n", answer);
    ASSERT_LT(wrong_places(pair.chosen, answer), wrong_places(pair.rejected, answer));
    EXPECT_EQ(pair.prompt, prompt);
    against_samples += pair.rejected == "74310\n";
    swaps += pair.rejected.size() == 6 && sorted_digits(pair.rejected) == answer;
    ended_early += pair.rejected.size() < 6;
  }
  EXPECT_NEAR(against_samples / 2000.0, 0.62, 0.06);
  EXPECT_GT(swaps, 200);
  EXPECT_GT(ended_early, 20);
}

TEST(SortDigitsTest, MakesAPairWhereEverySampleIsRight) {
  const SortDigits task;
  for (uint64_t i = 0; i < 500; ++i) {
    const auto pair = task.preference_pair(4, i, "00000=", "00000\n", "00000\n");
    EXPECT_EQ(pair.chosen, "00000\n");
    EXPECT_NE(pair.rejected, "00000\n");
  }
}

TEST(SortDigitsTest, AccuracyIsTheShareOfAnswers) {
  const SortDigits task;
  EXPECT_EQ(accuracy(task, {"21000=", "40713="}, {"00012\n", "74310\n"}), 0.5);
  EXPECT_EQ(accuracy(task, {}, {}), 0);
  EXPECT_ANY_THROW(accuracy(task, {"21000="}, {}));
}

TEST(SortDigitsTest, CountsMissingAndSurplusPlacesAsWrong) {
  EXPECT_EQ(wrong_places("01347\n", "01347\n"), 0);
  EXPECT_EQ(wrong_places("01\n", "01347\n"), 4);
  EXPECT_EQ(wrong_places("013475\n", "01347\n"), 2);
}

}  // namespace
}  // namespace troupe
