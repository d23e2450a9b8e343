#include "text/byte_level.h"

#include "text/utf8.h"

namespace troupe {
namespace {

bool stands_for_itself(int byte) {
  return (byte >= 0x21 && byte <= 0x7E) || (byte >= 0xA1 && byte <= 0xAC) || byte >= 0xAE;
}

std::array<char32_t, 256> make_code_points() {
  std::array<char32_t, 256> result{};
  char32_t next = 0x100;
  for (int byte = 0; byte < 256; ++byte)
    result[byte] = stands_for_itself(byte) ? static_cast<char32_t>(byte) : next++;
  return result;
}

// -1 where the character stands for no byte; all that do lie below U+0144.
std::array<int, 0x144> make_bytes() {
  std::array<int, 0x144> result{};
  result.fill(-1);
  const auto code_points = make_code_points();
  for (int byte = 0; byte < 256; ++byte) result[code_points[byte]] = byte;
  return result;
}

}  // namespace

std::array<std::string, 256> byte_level_alphabet() {
  std::array<std::string, 256> result;
  const auto code_points = make_code_points();
  for (int byte = 0; byte < 256; ++byte) append_utf8(result[byte], code_points[byte]);
  return result;
}

std::string to_byte_level(std::string_view bytes) {
  static const auto kAlphabet = byte_level_alphabet();
  std::string token;
  for (char byte : bytes) token += kAlphabet[static_cast<unsigned char>(byte)];
  return token;
}

std::optional<std::string> from_byte_level(std::string_view token) {
  static const auto kBytes = make_bytes();
  std::string bytes;
  for (size_t at = 0; at < token.size();) {
    const Utf8Char c = utf8_char(token, at);
    if (!c.valid || c.code_point >= kBytes.size() || kBytes[c.code_point] < 0) return std::nullopt;
    bytes += static_cast<char>(kBytes[c.code_point]);
    at += c.length;
  }
  return bytes;
}

}  // namespace troupe
