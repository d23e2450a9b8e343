#include "text/regex.h"

#define PCRE2_CODE_UNIT_WIDTH 8
#include <pcre2.h>

#include "base/error.h"
#include "text/utf8.h"

namespace troupe {
namespace {

constexpr std::string_view kSpaceClass = R"(\p{Z}\t-\r\x{85})";

// PCRE2's \s has U+180E, which is no white space since Unicode 6.3.
std::string with_unicode_spaces(std::string_view pattern) {
  std::string result;
  bool in_class = false;
  for (size_t i = 0; i < pattern.size(); ++i) {
    const char c = pattern[i];
    if (c == '\\' && i + 1 < pattern.size()) {
      const char escaped = pattern[++i];
      if (escaped == 's') {
        result += in_class ? std::string(kSpaceClass) : "[" + std::string(kSpaceClass) + "]";
      } else if (escaped == 'S' && !in_class) {
        result += "[^" + std::string(kSpaceClass) + "]";
      } else {
        result += {c, escaped};
      }
      continue;
    }
    if (c == '[') in_class = true;
    if (c == ']') in_class = false;
    result += c;
  }
  return result;
}

std::string words_of(int error) {
  PCRE2_UCHAR buffer[256];
  pcre2_get_error_message(error, buffer, sizeof buffer);
  return reinterpret_cast<const char*>(buffer);
}

using MatchData = std::unique_ptr<pcre2_match_data, decltype(&pcre2_match_data_free)>;

}  // namespace

struct Regex::Code {
  std::string pattern;
  pcre2_code* code = nullptr;
  ~Code() { pcre2_code_free(code); }

  int match(std::string_view text, size_t at, pcre2_match_data* data) const {
    const auto* subject = reinterpret_cast<PCRE2_SPTR>(text.data());
    int count = pcre2_match(code, subject, text.size(), at, 0, data, nullptr);
    if (count == PCRE2_ERROR_JIT_STACKLIMIT)
      count = pcre2_match(code, subject, text.size(), at, PCRE2_NO_JIT, data, nullptr);
    if (count < 0 && count != PCRE2_ERROR_NOMATCH)
      throw Error("pattern \"" + pattern + "\" failed on a text of " + std::to_string(text.size()) +
                  " bytes: " + words_of(count));
    return count;
  }
};

Regex::Regex(const std::string& pattern) {
  auto code = std::make_shared<Code>();
  code->pattern = pattern;
  const std::string translated = with_unicode_spaces(pattern);
  int error = 0;
  size_t place = 0;
  code->code = pcre2_compile(reinterpret_cast<PCRE2_SPTR>(translated.data()), translated.size(),
                             PCRE2_UTF | PCRE2_UCP | PCRE2_MULTILINE | PCRE2_MATCH_INVALID_UTF,
                             &error, &place, nullptr);
  if (code->code == nullptr)
    throw Error("bad pattern \"" + pattern + "\": " + words_of(error) + " (near byte " +
                std::to_string(place) + " of \"" + translated + "\")");
  pcre2_jit_compile(code->code, PCRE2_JIT_COMPLETE);  // without JIT it is only slower
  code_ = std::move(code);
}

void Regex::for_each_match(std::string_view text,
                           const std::function<void(size_t, size_t)>& found) const {
  const MatchData data(pcre2_match_data_create_from_pattern(code_->code, nullptr),
                       pcre2_match_data_free);
  for (size_t at = 0; at <= text.size();) {
    if (code_->match(text, at, data.get()) == PCRE2_ERROR_NOMATCH) return;
    const size_t* ends = pcre2_get_ovector_pointer(data.get());
    found(ends[0], ends[1]);
    at = ends[1];
    if (ends[0] == ends[1]) at += at < text.size() ? utf8_char(text, at).length : 1;
  }
}

}  // namespace troupe
