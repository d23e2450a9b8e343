#include "text/pre_tokenizer.h"

#include <gtest/gtest.h>
#include <rapidcheck.h>
#include <rapidcheck/gtest.h>

#include "base/error.h"

namespace troupe {
namespace {

using Kind = PreTokenizerStep::Kind;
using Pieces = std::vector<std::string>;

Pieces split(const std::vector<PreTokenizerStep>& steps, const std::string& text) {
  std::deque<std::string> storage;
  const auto pieces = PreTokenizer(steps).split(text, storage);
  return {pieces.begin(), pieces.end()};
}

PreTokenizerStep by_dash(SplitBehavior behavior, bool invert = false) {
  return {Kind::split_string, "-", behavior, invert};
}

// HF's own example for these behaviours: "the-final--countdown".
TEST(PreTokenizerTest, EachBehaviorPutsMatchesWhereHfPutsThem) {
  const std::string text = "the-final--countdown";
  EXPECT_EQ(split({by_dash(SplitBehavior::removed)}, text), (Pieces{"the", "final", "countdown"}));
  EXPECT_EQ(split({by_dash(SplitBehavior::isolated)}, text),
            (Pieces{"the", "-", "final", "-", "-", "countdown"}));
  EXPECT_EQ(split({by_dash(SplitBehavior::merged_with_previous)}, text),
            (Pieces{"the-", "final-", "-", "countdown"}));
  EXPECT_EQ(split({by_dash(SplitBehavior::merged_with_next)}, text),
            (Pieces{"the", "-final", "-", "-countdown"}));
  EXPECT_EQ(split({by_dash(SplitBehavior::contiguous)}, text),
            (Pieces{"the", "-", "final", "--", "countdown"}));
}

TEST(PreTokenizerTest, InvertedGapsAreTheMatches) {
  EXPECT_EQ(split({by_dash(SplitBehavior::removed, true)}, "a-b--c"), (Pieces{"-", "-", "-"}));
}

TEST(PreTokenizerTest, APatternMayBeARegexOrLiteralText) {
  const PreTokenizerStep regex = {Kind::split_regex, "b.", SplitBehavior::removed};
  const PreTokenizerStep literal = {Kind::split_string, "b.", SplitBehavior::removed};
  EXPECT_EQ(split({regex}, "abxcb.d"), (Pieces{"a", "c", "d"}));
  EXPECT_EQ(split({literal}, "abxcb.d"), (Pieces{"abxc", "d"}));
  EXPECT_THROW(PreTokenizer({{Kind::split_string, ""}}), Error);
}

TEST(PreTokenizerTest, NumeralsOfEveryScriptAreDigits) {
  EXPECT_EQ(split({{Kind::digits}}, "a12٣b"), (Pieces{"a", "1", "2", "٣", "b"}));
  EXPECT_EQ(split({{Kind::digits, "", SplitBehavior::contiguous}}, "a12٣b"),
            (Pieces{"a", "12٣", "b"}));
}

TEST(PreTokenizerTest, Gpt2KeepsASpaceWithItsWordAndTheLastOfManyWithTheNext) {
  EXPECT_EQ(split({{Kind::gpt2}}, "I'll  go, now! "),
            (Pieces{"I", "'ll", " ", " go", ",", " now", "!", " "}));
}

TEST(PreTokenizerTest, APrefixSpaceGoesBeforeEveryPieceThatHasNone) {
  EXPECT_EQ(split({{Kind::prefix_space}}, "a"), (Pieces{" a"}));
  EXPECT_EQ(split({{Kind::prefix_space}}, " a"), (Pieces{" a"}));
  EXPECT_EQ(split({by_dash(SplitBehavior::isolated), {Kind::prefix_space}}, "a-b"),
            (Pieces{" a", " -", " b"}));
}

RC_GTEST_PROP(PreTokenizerTest, NothingIsLostUnlessItIsRemoved, ()) {
  const auto text = *rc::gen::container<std::string>(rc::gen::element('a', '-', ' ', '7', '\n'));
  const auto behavior =
      *rc::gen::element(SplitBehavior::isolated, SplitBehavior::contiguous,
                        SplitBehavior::merged_with_previous, SplitBehavior::merged_with_next);
  std::string joined;
  for (const auto& piece : split({by_dash(behavior), {Kind::digits}, {Kind::gpt2}}, text)) {
    RC_ASSERT(!piece.empty());
    joined += piece;
  }
  RC_ASSERT(joined == text);
}

}  // namespace
}  // namespace troupe
