#include "rlhf/rewards/vader.h"

#include <gtest/gtest.h>

#include <fstream>
#include <nlohmann/json.hpp>

namespace troupe {
namespace {

nlohmann::json golden() {
  std::ifstream file(TROUPE_SOURCE_DIR "/tests/golden/vader_cases.json");
  return nlohmann::json::parse(file);
}

TEST(VaderTest, AgreesWithThePublishedPackage) {
  const auto all = golden();
  const Vader vader(all.at("lexicon").get<std::string>(),
                    all.at("emoji_lexicon").get<std::string>());
  for (const auto& one : all.at("cases")) {
    const auto text = one.at("text").get<std::string>();
    EXPECT_NEAR(vader.compound(text), one.at("compound").get<double>(), 0.500001e-4) << text;
  }
}

TEST(VaderTest, RulesPushInTheirDirections) {
  const Vader vader("good\t1.9\t0.9\t[]\nbad\t-2.5\nlong\t1\n");
  const auto score = [&](const char* text) { return vader.compound(text); };
  EXPECT_GT(score("very good day"), score("good day"));
  EXPECT_LT(score("slightly good day"), score("good day"));
  EXPECT_LT(score("not good day"), 0);
  EXPECT_GT(score("GOOD day"), score("good day"));
  EXPECT_EQ(score("GOOD DAY"), score("good day"));
  EXPECT_GT(score("good!!"), score("good!"));
  EXPECT_EQ(score("good!!!!!!"), score("good!!!!"));
  EXPECT_GT(score("bad but good"), score("good but bad"));
  EXPECT_EQ(score("a table of wood!"), 0);
  EXPECT_EQ(score(""), 0);
}

TEST(VaderTest, ReadsAnEmojiOnlyWithItsLexicon) {
  const std::string lexicon = "joy\t2.8\n";
  EXPECT_EQ(Vader(lexicon).compound("rain\U0001F602"), 0);
  EXPECT_GT(Vader(lexicon, "\U0001F602\tface with tears of joy\n").compound("rain\U0001F602"), 0);
}

TEST(VaderTest, ScoresBrokenUtf8) {
  const Vader vader("good\t1.9\n");
  EXPECT_GT(vader.compound("good \xff\xe2\x80 \xc3"), 0);
}

TEST(VaderTest, RefusesALexiconWithoutValences) {
  EXPECT_ANY_THROW(Vader("good 1.9\n"));
  EXPECT_ANY_THROW(Vader("good\tvery\n"));
  EXPECT_ANY_THROW(Vader(""));
}

}  // namespace
}  // namespace troupe
