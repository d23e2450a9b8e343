// How VADER cuts a text into words: at white space, keeping contractions and emoticons whole.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace troupe::vader {

struct Word {
  std::string lower;  // without punctuation around it, unless two characters or fewer would be left
  bool upper = false;  // has letters, all of them capitals
};

std::vector<Word> words_of(std::string_view text);

// The UTF-8 character that the text starts with; a stray byte counts as one. `text` is not empty.
std::string_view first_character(std::string_view text);

std::string_view trimmed(std::string_view text);  // of white space at both ends

}  // namespace troupe::vader
