// VADER: the sentiment of a text by a lexicon and rules (Hutto & Gilbert, ICWSM 2014). A rule as
// reward: nothing is learned, anyone can compute it again. The rules are those of the authors'
// published package, oddities included, so that scores agree with it; letters beyond Latin-1 have
// no case here.
#pragma once

#include <span>
#include <string>
#include <string_view>
#include <unordered_map>

#include "rlhf/rewards/vader_text.h"

namespace troupe {

class Vader {
 public:
  // `lexicon` is the content of vader_lexicon.txt: "word <tab> mean valence <tab> ..." a line.
  // `emoji_lexicon` is that of emoji_utf8_lexicon.txt: "emoji <tab> description"; without it an
  // emoji is a word without valence. Throws, with the line number, on a line that has no valence.
  explicit Vader(std::string_view lexicon, std::string_view emoji_lexicon = {});

  // The compound score in [-1, 1]; 0 is neutral. Not rounded (the package rounds to 4 decimals).
  double compound(std::string_view text) const;

 private:
  using Words = std::span<const vader::Word>;

  std::string describe_emojis(std::string_view text) const;
  bool has_valence(const vader::Word& word) const { return valence_.contains(word.lower); }
  double valence_of(Words words, size_t i, bool mixed_case) const;
  double own_valence(Words words, size_t i, bool mixed_case) const;

  std::unordered_map<std::string, double> valence_;      // by lower-case word or emoticon
  std::unordered_map<std::string, std::string> emojis_;  // one character in UTF-8 -> description
};

}  // namespace troupe
