#include "apps/terminal_colours.h"

#include <unistd.h>

#include <cstdlib>
#include <sstream>

namespace troupe {
namespace {

constexpr const char *kBold = "\x1b[1m", *kRed = "\x1b[31m", *kPlain = "\x1b[0m";

bool has(const std::string& line, const char* text) {
  return line.find(text) != std::string::npos;
}

const char* colour_of(const std::string& line) {
  if (has(line, ", lost") || has(line, "% busy  failed") || has(line, "% busy  lost")) return kRed;
  return has(line, " (pid ") ? kBold : "";
}

}  // namespace

std::string coloured(const std::string& topology_text) {
  std::istringstream in(topology_text);
  std::string out;
  for (std::string line; std::getline(in, line);) {
    const std::string colour = colour_of(line);
    out += colour + line + (colour.empty() ? "" : kPlain) + "\n";
  }
  return out;
}

bool wants_colours() {
  const char* refused = std::getenv("NO_COLOR");
  return isatty(STDOUT_FILENO) && (refused == nullptr || *refused == '\0');
}

}  // namespace troupe
