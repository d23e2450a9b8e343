// Moments as people read them.
#pragma once

#include <cstdint>
#include <string>

namespace troupe {

// Nanoseconds since 1970 in UTC, by a format of strftime, such as "%H:%M:%S UTC".
std::string utc_text(int64_t wall_time_ns, const char* format);

}  // namespace troupe
