#include "text/jinja/strings.h"

#include <utf8proc.h>

#include <algorithm>

#include "base/error.h"
#include "text/normalizer.h"
#include "text/utf8.h"

namespace troupe::jinja {
namespace {

bool is_stripped(char32_t c, const std::optional<std::vector<char32_t>>& set) {
  if (!set) return is_python_space(c);
  return std::find(set->begin(), set->end(), c) != set->end();
}

std::optional<std::vector<char32_t>> as_set(std::optional<std::string_view> characters) {
  if (!characters) return std::nullopt;
  return code_points(*characters);
}

size_t last_char(std::string_view text) {
  size_t begin = text.size() - 1;
  while (begin > 0 && text.size() - begin < 4 &&
         (static_cast<unsigned char>(text[begin]) & 0xC0) == 0x80)
    --begin;
  return utf8_char(text, begin).valid ? begin : text.size() - 1;
}

size_t first_space(std::string_view text) {
  for (size_t at = 0; at < text.size();) {
    const Utf8Char c = utf8_char(text, at);
    if (is_python_space(c.code_point)) return at;
    at += c.length;
  }
  return text.size();
}

std::vector<std::string> split_by_spaces(std::string_view text, int64_t count) {
  std::vector<std::string> parts;
  for (text = strip_left(text); !text.empty(); text = strip_left(text)) {
    const size_t end = count >= 0 && static_cast<int64_t>(parts.size()) >= count
                           ? strip_right(text).size()
                           : first_space(text);
    parts.emplace_back(text.substr(0, end));
    text = text.substr(end);
  }
  return parts;
}

}  // namespace

bool is_python_space(char32_t c) {
  return is_whitespace(c) || (c >= 0x1C && c <= 0x1F);
}

std::string_view strip_left(std::string_view text, std::optional<std::string_view> characters) {
  const auto set = as_set(characters);
  while (!text.empty()) {
    const Utf8Char c = utf8_char(text, 0);
    if (!is_stripped(c.code_point, set)) break;
    text.remove_prefix(c.length);
  }
  return text;
}

std::string_view strip_right(std::string_view text, std::optional<std::string_view> characters) {
  const auto set = as_set(characters);
  while (!text.empty()) {
    const size_t begin = last_char(text);
    if (!is_stripped(utf8_char(text, begin).code_point, set)) break;
    text = text.substr(0, begin);
  }
  return text;
}

std::string replace(std::string_view text, std::string_view from, std::string_view to,
                    int64_t count) {
  std::string result;
  size_t done = 0;
  if (from.empty()) {  // Python puts `to` around every character
    for (size_t at = 0; count != 0; --count) {
      result += to;
      if (at >= text.size()) return result;
      const size_t length = utf8_char(text, at).length;
      result += text.substr(at, length);
      done = at += length;
    }
    return result.append(text.substr(done));
  }
  for (size_t at = text.find(from); at != text.npos && count != 0; --count) {
    result.append(text.substr(done, at - done)).append(to);
    done = at + from.size();
    at = text.find(from, done);
  }
  return result.append(text.substr(done));
}

std::vector<std::string> split(std::string_view text, std::optional<std::string_view> separator,
                               int64_t count) {
  if (!separator) return split_by_spaces(text, count);
  if (separator->empty()) throw Error("split: the separator is empty");
  std::vector<std::string> parts;
  size_t done = 0;
  for (size_t at = text.find(*separator); at != text.npos && count != 0; --count) {
    parts.emplace_back(text.substr(done, at - done));
    done = at + separator->size();
    at = text.find(*separator, done);
  }
  parts.emplace_back(text.substr(done));
  return parts;
}

std::vector<std::string> split_from_right(std::string_view text,
                                          std::optional<std::string_view> separator,
                                          int64_t count) {
  if (count < 0) return split(text, separator, -1);
  if (!separator) throw Error("rsplit: a limit without a separator is not supported");
  if (separator->empty()) throw Error("rsplit: the separator is empty");
  std::vector<std::string> parts;
  for (; count > 0; --count) {
    const size_t at = text.rfind(*separator);
    if (at == text.npos) break;
    parts.emplace_back(text.substr(at + separator->size()));
    text = text.substr(0, at);
  }
  parts.emplace_back(text);
  std::reverse(parts.begin(), parts.end());
  return parts;
}

std::vector<std::string> split_lines(std::string_view text) {
  std::vector<std::string> lines;
  while (!text.empty()) {
    const size_t end = std::min(text.find_first_of("\r\n"), text.size());
    lines.emplace_back(text.substr(0, end));
    const size_t width = text.substr(end, 2) == "\r\n" ? 2 : 1;
    text = text.substr(std::min(end + width, text.size()));
  }
  return lines;
}

std::string capitalize(std::string_view text) {
  if (text.empty()) return {};
  const size_t first = utf8_char(text, 0).length;
  return to_upper(text.substr(0, first)) + to_lower(text.substr(first));
}

std::string title(std::string_view text) {
  std::string result;
  bool in_word = false;
  for (char32_t c : code_points(text)) {
    const std::string one = to_utf8({c});
    const auto category = utf8proc_category(static_cast<utf8proc_int32_t>(c));
    const bool letter = category >= UTF8PROC_CATEGORY_LU && category <= UTF8PROC_CATEGORY_LO;
    result += in_word ? to_lower(one) : to_upper(one);
    in_word = letter;
  }
  return result;
}

}  // namespace troupe::jinja
