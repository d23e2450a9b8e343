// Cuts a Jinja template into text and the tokens of its tags. White space around tags is settled
// here, with trim_blocks and lstrip_blocks on, as HF's apply_chat_template has them.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace troupe::jinja {

enum class TokenKind {
  text,            // what is printed as it stands
  block_begin,     // {%
  block_end,       // %}
  variable_begin,  // {{
  variable_end,    // }}
  name,
  string,
  integer,
  floating,
  op,  // operators and punctuation
  end
};

struct Token {
  TokenKind kind = TokenKind::end;
  std::string text;  // of a string: its value
  int line = 1;
};

// The last token is `end`. Throws Error with the line.
std::vector<Token> tokenize_template(std::string_view source);

}  // namespace troupe::jinja
