// GPT-2's byte-level alphabet: each of the 256 bytes has a printable character, so that vocabulary
// files hold readable text. Printable Latin-1 bytes stand for themselves, the other 68 are counted
// on from U+0100 (a space is written "Ġ").
#pragma once

#include <array>
#include <optional>
#include <string>
#include <string_view>

namespace troupe {

std::array<std::string, 256> byte_level_alphabet();

std::string to_byte_level(std::string_view bytes);

// nullopt where the token has a character that stands for no byte.
std::optional<std::string> from_byte_level(std::string_view token);

}  // namespace troupe
