// What a step's end waited for: from the coordinator's last message back to the step's start, each
// moment given to the actor that everything then depended on.
#pragma once

#include <string>
#include <vector>

#include "storage/inspect/timeline.h"

namespace troupe {

struct PathSegment {
  enum class Kind {
    handling,  // `actor` was in the handler of `message`
    queueing,  // the message lay in its mailbox, the actor free or about to be
    transport  // the message was on its way to it
  };
  Kind kind = Kind::handling;
  std::string actor, message;
  int64_t start_ns = 0, end_ns = 0;
};

// In the order of time, without gaps.
std::vector<PathSegment> critical_path(const Timeline& timeline);

// Shares of the step per actor, message and kind, the longest first; 100 columns.
std::string critical_path_text(const Timeline& timeline, const std::vector<PathSegment>& path);

}  // namespace troupe
