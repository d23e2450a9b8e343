// The time of day, as records keep it and as people read it.
#pragma once

#include <cstdint>
#include <string>

namespace troupe {

int64_t wall_time_now_ns();  // now, in nanoseconds since 1970

// Such a moment in UTC, by a format of strftime: "%H:%M:%S UTC".
std::string utc_text(int64_t wall_time_ns, const char* format);

}  // namespace troupe
