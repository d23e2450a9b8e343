#include "base/wall_time.h"

#include <chrono>
#include <ctime>

namespace troupe {

int64_t wall_time_now_ns() {
  const auto now = std::chrono::system_clock::now().time_since_epoch();
  return std::chrono::nanoseconds(now).count();
}

std::string utc_text(int64_t wall_time_ns, const char* format) {
  const std::time_t seconds = wall_time_ns / 1'000'000'000;
  std::tm utc = {};
  gmtime_r(&seconds, &utc);
  char text[64];
  return {text, std::strftime(text, sizeof text, format, &utc)};
}

}  // namespace troupe
