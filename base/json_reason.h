// What a JSON library's error says to a user.
#pragma once

#include <exception>
#include <string>

namespace troupe {

// Without the library's own "[json.exception.parse_error.101] " in front.
inline std::string json_reason(const std::exception& e) {
  const std::string text = e.what();
  const auto end = text.starts_with("[json.exception.") ? text.find("] ") : text.npos;
  return end == text.npos ? text : text.substr(end + 2);
}

}  // namespace troupe
