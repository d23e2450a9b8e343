#include "base/utc_text.h"

#include <ctime>

namespace troupe {

std::string utc_text(int64_t wall_time_ns, const char* format) {
  const std::time_t seconds = wall_time_ns / 1'000'000'000;
  std::tm utc = {};
  gmtime_r(&seconds, &utc);
  char text[64];
  return {text, std::strftime(text, sizeof text, format, &utc)};
}

}  // namespace troupe
