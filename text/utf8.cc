#include "text/utf8.h"

namespace troupe {
namespace {

// What a lead byte allows: how many bytes follow, and the range of the first of them.
struct Lead {
  int followers = 0;
  unsigned char low = 0x80;
  unsigned char high = 0xBF;
};

Lead lead_of(unsigned char byte) {
  if (byte >= 0xC2 && byte <= 0xDF) return {1};
  if (byte == 0xE0) return {2, 0xA0};
  if (byte == 0xED) return {2, 0x80, 0x9F};
  if (byte >= 0xE1 && byte <= 0xEF) return {2};
  if (byte == 0xF0) return {3, 0x90};
  if (byte == 0xF4) return {3, 0x80, 0x8F};
  if (byte >= 0xF1 && byte <= 0xF3) return {3};
  return {};
}

}  // namespace

Utf8Char utf8_char(std::string_view text, size_t at) {
  const auto first = static_cast<unsigned char>(text[at]);
  if (first < 0x80) return {first, 1, true, false};
  Lead lead = lead_of(first);
  if (lead.followers == 0) return {};
  char32_t value = first & (0x3F >> lead.followers);
  for (int i = 1; i <= lead.followers; ++i) {
    if (at + i == text.size()) return {0xFFFD, static_cast<size_t>(i), false, true};
    const auto byte = static_cast<unsigned char>(text[at + i]);
    if (byte < lead.low || byte > lead.high) return {0xFFFD, static_cast<size_t>(i), false, false};
    value = value << 6 | (byte & 0x3F);
    lead.low = 0x80;
    lead.high = 0xBF;
  }
  return {value, static_cast<size_t>(lead.followers) + 1, true, false};
}

void append_utf8(std::string& text, char32_t c) {
  auto tail = [&](int shift) { text += static_cast<char>(0x80 | ((c >> shift) & 0x3F)); };
  if (c < 0x80) {
    text += static_cast<char>(c);
  } else if (c < 0x800) {
    text += static_cast<char>(0xC0 | (c >> 6));
    tail(0);
  } else if (c < 0x10000) {
    text += static_cast<char>(0xE0 | (c >> 12));
    tail(6);
    tail(0);
  } else {
    text += static_cast<char>(0xF0 | (c >> 18));
    tail(12);
    tail(6);
    tail(0);
  }
}

std::string lossy_utf8(std::string_view bytes) {
  std::string text;
  text.reserve(bytes.size());
  for (size_t at = 0; at < bytes.size();) {
    const Utf8Char c = utf8_char(bytes, at);
    text += c.valid ? bytes.substr(at, c.length) : std::string_view("\xEF\xBF\xBD");
    at += c.length;
  }
  return text;
}

std::vector<char32_t> code_points(std::string_view text) {
  std::vector<char32_t> result;
  for (size_t at = 0; at < text.size();) {
    const Utf8Char c = utf8_char(text, at);
    result.push_back(c.code_point);
    at += c.length;
  }
  return result;
}

std::string to_utf8(const std::vector<char32_t>& code_points) {
  std::string text;
  for (char32_t c : code_points) append_utf8(text, c);
  return text;
}

bool is_whitespace(char32_t c) {
  return (c >= 9 && c <= 13) || c == 0x20 || c == 0x85 || c == 0xA0 || c == 0x1680 ||
         (c >= 0x2000 && c <= 0x200A) || c == 0x2028 || c == 0x2029 || c == 0x202F || c == 0x205F ||
         c == 0x3000;
}

}  // namespace troupe
