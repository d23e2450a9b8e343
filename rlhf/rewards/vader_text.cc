#include "rlhf/rewards/vader_text.h"

#include <algorithm>
#include <iterator>

namespace troupe::vader {
namespace {

bool is_blank(char c) {
  return c == ' ' || (c >= '\t' && c <= '\r') || (c >= '\x1c' && c <= '\x1f');
}
bool is_within(char c, char low, char high) {
  return c >= low && c <= high;
}
bool is_punctuation(char c) {
  return is_within(c, '!', '/') || is_within(c, ':', '@') || is_within(c, '[', '`') ||
         is_within(c, '{', '~');
}
bool continues(char c) {
  return (static_cast<unsigned char>(c) & 0xc0) == 0x80;
}

// Letters of ASCII and Latin-1; in both, the small letter's last byte is the capital's plus 32.
bool is_capital(std::string_view character) {
  const char last = character.back();
  if (character.size() == 1) return is_within(last, 'A', 'Z');
  return character.size() == 2 && character[0] == '\xc3' && is_within(last, '\x80', '\x9e') &&
         last != '\x97';
}

bool is_small(std::string_view character) {
  const char last = character.back();
  if (character.size() == 1) return is_within(last, 'a', 'z');
  return character.size() == 2 && character[0] == '\xc3' && is_within(last, '\x9f', '\xbf') &&
         last != '\xb7';
}

bool is_space(std::string_view character) {
  if (character.size() == 1) return is_blank(character[0]);
  static constexpr std::string_view kOthers[] = {"\u0085", "\u00a0", "\u1680", "\u2000", "\u2001",
                                                 "\u2002", "\u2003", "\u2004", "\u2005", "\u2006",
                                                 "\u2007", "\u2008", "\u2009", "\u200a", "\u2028",
                                                 "\u2029", "\u202f", "\u205f", "\u3000"};
  return std::find(std::begin(kOthers), std::end(kOthers), character) != std::end(kOthers);
}

std::string_view trimmed(std::string_view text, bool (*unwanted)(char)) {
  while (!text.empty() && unwanted(text.front())) text.remove_prefix(1);
  while (!text.empty() && unwanted(text.back())) text.remove_suffix(1);
  return text;
}

// A word loses its punctuation; what would keep two characters or fewer is an emoticon and stays
// whole.
std::string_view without_punctuation(std::string_view token) {
  const auto bare = trimmed(token, is_punctuation);
  const auto characters = bare.size() - std::count_if(bare.begin(), bare.end(), continues);
  return characters <= 2 ? token : bare;
}

Word word_of(std::string_view token) {
  Word word;
  bool has_small = false;
  for (auto rest = without_punctuation(token); !rest.empty();) {
    const auto character = first_character(rest);
    rest.remove_prefix(character.size());
    word.lower += character;
    has_small |= is_small(character);
    if (!is_capital(character)) continue;
    word.upper = true;
    word.lower.back() = static_cast<char>(word.lower.back() + 32);
  }
  word.upper &= !has_small;
  return word;
}

}  // namespace

std::string_view first_character(std::string_view text) {
  size_t bytes = 1;
  while (bytes < text.size() && bytes < 4 && continues(text[bytes])) ++bytes;
  return text.substr(0, bytes);
}

std::string_view trimmed(std::string_view text) {
  return trimmed(text, is_blank);
}

std::vector<Word> words_of(std::string_view text) {
  std::vector<Word> words;
  size_t begin = 0;
  for (size_t at = 0, end = 0; at <= text.size(); at = end) {
    const auto character = at < text.size() ? first_character(text.substr(at)) : " ";
    end = at + character.size();
    if (!is_space(character)) continue;
    if (at > begin) words.push_back(word_of(text.substr(begin, at - begin)));
    begin = end;
  }
  return words;
}

}  // namespace troupe::vader
