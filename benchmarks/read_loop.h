// The fastest way to read memory in order: whole lines into registers, nothing kept.
#pragma once

#include <cstdint>

namespace troupe {

void run_read_loop(const float* data, int64_t count);

}  // namespace troupe
