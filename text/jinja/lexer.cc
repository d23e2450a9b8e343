#include "text/jinja/lexer.h"

#include <algorithm>
#include <array>
#include <cctype>

#include "base/error.h"
#include "text/jinja/strings.h"
#include "text/utf8.h"

namespace troupe::jinja {
namespace {

// "\r\n" and "\r" become "\n", and one line break at the end of the template is dropped.
std::string with_unix_lines(std::string_view source) {
  std::string text;
  text.reserve(source.size());
  for (size_t i = 0; i < source.size(); ++i) {
    if (source[i] != '\r')
      text += source[i];
    else if (i + 1 == source.size() || source[i + 1] != '\n')
      text += '\n';
  }
  if (!text.empty() && text.back() == '\n') text.pop_back();
  return text;
}

bool is_name_begin(unsigned char c) {
  return std::isalpha(c) || c == '_' || c >= 0x80;
}
bool is_name_part(unsigned char c) {
  return is_name_begin(c) || std::isdigit(c);
}

class Lexer {
 public:
  explicit Lexer(std::string source) : source_(std::move(source)) {}

  std::vector<Token> run() {
    while (at_ < source_.size()) {
      const size_t tag = find_tag();
      if (tag == source_.npos) {
        add_text(source_.size());
        at_ = source_.size();
      } else {
        read_tag(tag);
      }
    }
    add(TokenKind::end, "");
    return std::move(tokens_);
  }

 private:
  [[noreturn]] void fail(const std::string& what, int line) const {
    throw Error("line " + std::to_string(line) + ": " + what);
  }
  bool next_is(std::string_view text) const { return source_.compare(at_, text.size(), text) == 0; }
  void add(TokenKind kind, std::string text) { tokens_.push_back({kind, std::move(text), line_}); }
  void advance(size_t to) {
    line_ += static_cast<int>(std::count(source_.begin() + at_, source_.begin() + to, '\n'));
    at_ = to;
  }

  size_t find_tag() const {
    for (size_t at = source_.find('{', at_); at != source_.npos; at = source_.find('{', at + 1))
      if (at + 1 < source_.size() &&
          (source_[at + 1] == '{' || source_[at + 1] == '%' || source_[at + 1] == '#'))
        return at;
    return source_.npos;
  }

  // The text up to `end`, which the sign of the tag there, or lstrip_blocks, may shorten.
  void add_text(size_t end, char sign = '+', bool is_block = false) {
    std::string_view text = std::string_view(source_).substr(at_, end - at_);
    if (sign == '-') {
      text = strip_right(text);
    } else if (sign != '+' && is_block) {
      const size_t line_begin = text.rfind('\n') + 1;  // npos + 1 == 0
      if ((line_begin > 0 || line_starting_) && strip_left(text.substr(line_begin)).empty())
        text = text.substr(0, line_begin);
    }
    if (!text.empty()) add(TokenKind::text, std::string(text));
  }

  void read_tag(size_t tag) {
    const char kind = source_[tag + 1];
    const char sign = tag + 2 < source_.size() ? source_[tag + 2] : ' ';
    const bool signed_tag = sign == '-' || (sign == '+' && kind != '{');
    add_text(tag, signed_tag ? sign : ' ', kind != '{');
    advance(tag + (signed_tag ? 3 : 2));
    if (kind == '#') return read_comment();
    if (kind == '%' && read_raw()) return;
    add(kind == '%' ? TokenKind::block_begin : TokenKind::variable_begin, "");
    read_tokens(kind == '%');
  }

  // At the end of a tag: "-%}" takes all white space after it, "%}" one line break, "+%}" nothing.
  bool read_tag_end(std::string_view close, bool trims_line) {
    size_t end = at_;
    char sign = ' ';
    if (source_[at_] == '-' || (source_[at_] == '+' && trims_line)) sign = source_[end++];
    if (source_.compare(end, close.size(), close) != 0) return false;
    end += close.size();
    if (sign == '-') {
      const auto rest = std::string_view(source_).substr(end);
      end += rest.size() - strip_left(rest).size();
    } else if (sign == ' ' && trims_line && end < source_.size() && source_[end] == '\n') {
      ++end;
    }
    advance(end);
    line_starting_ = source_[end - 1] == '\n';
    return true;
  }

  void read_comment() {
    const int begin = line_;
    size_t close = source_.find("#}", at_);
    if (close == source_.npos) fail("comment {# without #}", begin);
    if (close > at_ && (source_[close - 1] == '-' || source_[close - 1] == '+')) --close;
    advance(close);
    read_tag_end("#}", true);
  }

  size_t skip_spaces(size_t at) const {
    const auto rest = std::string_view(source_).substr(at);
    return at + rest.size() - strip_left(rest).size();
  }

  // {% raw %} ... {% endraw %}: text, whatever is in it.
  bool read_raw() {
    size_t at = skip_spaces(at_);
    if (source_.compare(at, 3, "raw") != 0) return false;
    at = skip_spaces(at + 3);
    if (source_.compare(at, 2, "%}") != 0 && source_.compare(at, 3, "-%}") != 0) return false;
    const int begin = line_;
    advance(at);
    if (source_[at] == '-')
      read_tag_end("%}", false);
    else
      advance(at + 2);
    line_starting_ = false;
    for (size_t tag = source_.find("{%", at_); tag != source_.npos;
         tag = source_.find("{%", tag + 2)) {
      const char sign = tag + 2 < source_.size() ? source_[tag + 2] : ' ';
      const bool is_signed = sign == '-' || sign == '+';
      size_t end = skip_spaces(tag + (is_signed ? 3 : 2));
      if (source_.compare(end, 6, "endraw") != 0) continue;
      add_text(tag, is_signed ? sign : ' ', true);
      advance(skip_spaces(end + 6));
      if (at_ < source_.size() && read_tag_end("%}", true)) return true;
      fail("expected %} after endraw", line_);
    }
    fail("{% raw %} without {% endraw %}", begin);
  }

  void read_tokens(bool is_block) {
    const int begin = line_;
    brackets_.clear();
    while (true) {
      advance(skip_spaces(at_));
      if (at_ >= source_.size()) fail(is_block ? "{% without %}" : "{{ without }}", begin);
      if (brackets_.empty() && read_tag_end(is_block ? "%}" : "}}", is_block)) break;
      read_token();
    }
    add(is_block ? TokenKind::block_end : TokenKind::variable_end, "");
  }

  void read_token() {
    const auto c = static_cast<unsigned char>(source_[at_]);
    if (is_name_begin(c)) return read_name();
    if (std::isdigit(c)) return read_number();
    if (c == '"' || c == '\'') return read_string();
    read_operator();
  }

  void read_name() {
    size_t end = at_;
    while (end < source_.size() && is_name_part(source_[end])) ++end;
    add(TokenKind::name, source_.substr(at_, end - at_));
    at_ = end;
  }

  size_t skip_digits(size_t at) const {
    while (at < source_.size() && (std::isdigit(static_cast<unsigned char>(source_[at])) ||
                                   (source_[at] == '_' && at > at_)))
      ++at;
    return at;
  }
  bool digit_at(size_t at) const {
    return at < source_.size() && std::isdigit(static_cast<unsigned char>(source_[at]));
  }

  void read_number() {
    size_t end = skip_digits(at_);
    bool floating = false;
    if (end < source_.size() && source_[end] == '.' && digit_at(end + 1)) {
      floating = true;
      end = skip_digits(end + 1);
    }
    if (end < source_.size() && (source_[end] | 0x20) == 'e') {
      size_t digits = end + 1;
      if (digits < source_.size() && (source_[digits] == '+' || source_[digits] == '-')) ++digits;
      if (digit_at(digits)) {
        floating = true;
        end = skip_digits(digits);
      }
    }
    std::string text = source_.substr(at_, end - at_);
    std::erase(text, '_');
    add(floating ? TokenKind::floating : TokenKind::integer, text);
    at_ = end;
  }

  void read_string() {
    const char quote = source_[at_];
    size_t end = at_ + 1;
    while (end < source_.size() && source_[end] != quote) end += source_[end] == '\\' ? 2 : 1;
    if (end >= source_.size()) fail("string without its closing quote", line_);
    const int line = line_;
    std::string text = unescape(std::string_view(source_).substr(at_ + 1, end - at_ - 1));
    advance(end + 1);
    tokens_.push_back({TokenKind::string, std::move(text), line});
  }

  void read_operator() {
    static constexpr std::array<std::string_view, 8> kDouble = {
        "//", "**", "==", "!=", "<=", ">=", "->", "::"};
    std::string text = source_.substr(at_, 1);
    for (std::string_view two : kDouble)
      if (two[0] != '-' && two[0] != ':' && next_is(two)) text = two;
    if (std::string_view("+-*/%~=<>|.,:;()[]{}!").find(text[0]) == std::string_view::npos)
      fail("unexpected character '" + text + "'", line_);
    if (text == "(" || text == "[" || text == "{") brackets_ += text;
    if (text == ")" || text == "]" || text == "}") close_bracket(text[0]);
    add(TokenKind::op, text);
    at_ += text.size();
  }

  void close_bracket(char bracket) {
    const char expected = bracket == ')' ? '(' : bracket == ']' ? '[' : '{';
    if (brackets_.empty() || brackets_.back() != expected)
      fail(std::string("unexpected '") + bracket + "'", line_);
    brackets_.pop_back();
  }

  // Python's escapes; an unknown one keeps its backslash.
  std::string unescape(std::string_view text) const {
    std::string out;
    for (size_t i = 0; i < text.size(); ++i) {
      if (text[i] != '\\' || i + 1 == text.size()) {
        out += text[i];
        continue;
      }
      i += unescape_one(text.substr(i + 1), out);
    }
    return out;
  }

  // Appends what the escape stands for; returns the characters it took after the backslash.
  size_t unescape_one(std::string_view text, std::string& out) const {
    static constexpr std::string_view kLetters = "ntrabfv0\\'\"";
    static constexpr std::string_view kMeanings("\n\t\r\a\b\f\v\0\\'\"", 11);
    const size_t letter = kLetters.find(text[0]);
    if (letter != std::string_view::npos) {
      out += kMeanings[letter];
      return 1;
    }
    if (text[0] == '\n') return 1;
    const size_t digits = text[0] == 'x' ? 2 : text[0] == 'u' ? 4 : text[0] == 'U' ? 8 : 0;
    if (digits == 0) {
      out += '\\';
      return 0;
    }
    char32_t code = 0;
    for (size_t i = 1; i <= digits; ++i) {
      if (i >= text.size() || !std::isxdigit(static_cast<unsigned char>(text[i])))
        fail("bad escape in a string", line_);
      const char c = text[i];
      code = code * 16 + (c <= '9' ? c - '0' : (c | 0x20) - 'a' + 10);
    }
    if (code > 0x10FFFF || (code >= 0xD800 && code <= 0xDFFF))
      fail("escape in a string is no character", line_);
    append_utf8(out, code);
    return digits + 1;
  }

  std::string source_;
  size_t at_ = 0;
  int line_ = 1;
  bool line_starting_ = true;  // whether the last tag ended with a line break
  std::string brackets_;
  std::vector<Token> tokens_;
};

}  // namespace

std::vector<Token> tokenize_template(std::string_view source) {
  return Lexer(with_unix_lines(source)).run();
}

}  // namespace troupe::jinja
