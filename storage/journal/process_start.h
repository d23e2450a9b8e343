// Which life of a process id is meant: a pid comes again, with another start.
#pragma once

#include <cstdint>

namespace troupe {

// When the process started, in clock ticks since boot; 0 if there is no such process here.
uint64_t process_start(int64_t pid);

}  // namespace troupe
