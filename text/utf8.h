// UTF-8 as tokenizers and chat templates need it: every byte string is accepted, and what is not
// UTF-8 is told apart instead of refused.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace troupe {

// The character, or the ill-formed bytes, at one place of a text.
struct Utf8Char {
  char32_t code_point = 0xFFFD;
  size_t length = 1;  // bytes; of ill-formed ones as many as could have begun a character
  bool valid = false;
  bool truncated = false;  // ill-formed only because the text ends here
};

Utf8Char utf8_char(std::string_view text, size_t at);  // at < text.size()

void append_utf8(std::string& text, char32_t code_point);

// Each maximal ill-formed run becomes one U+FFFD (Unicode standard, section 3.9, "best practice").
std::string lossy_utf8(std::string_view bytes);

// Ill-formed bytes count as U+FFFD.
std::vector<char32_t> code_points(std::string_view text);
std::string to_utf8(const std::vector<char32_t>& code_points);

// Unicode's White_Space property: what \s means in tokenizer patterns.
bool is_whitespace(char32_t code_point);

}  // namespace troupe
