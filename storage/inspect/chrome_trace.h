// A run's steps as a trace in the format that Perfetto and Chrome's about:tracing read: a track for
// each actor, grouped by node, and an arrow for each message between two of them.
#pragma once

#include <ostream>
#include <span>

#include "storage/inspect/timeline.h"

namespace troupe {

// Times in the file are in microseconds since the first step's start.
void write_chrome_trace(std::span<const Timeline> steps, std::ostream& out);

}  // namespace troupe
