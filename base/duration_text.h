// How errors tell how long something took or may take: "6 s", "0.25 s".
#pragma once

#include <chrono>
#include <sstream>
#include <string>

namespace troupe {

inline std::string seconds_text(std::chrono::steady_clock::duration duration) {
  std::ostringstream out;
  out.precision(3);
  out << std::chrono::duration<double>(duration).count() << " s";
  return out.str();
}

}  // namespace troupe
