// What every actor of a run did in one training step, read back from the journals: the messages
// that it handled and the work that it named. Times are of the host's steady clock, in ns.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "storage/journal/node_record.h"

namespace troupe {

struct TimelineSpan {
  std::string from, message;  // from "?": no actor of the run
  int64_t arrived_ns = 0, start_ns = 0, end_ns = 0;
};

struct TimelineWork {
  std::string label;  // "F3", "gen", "step 12"
  int64_t start_ns = 0, end_ns = 0;
};

struct ActorTimeline {
  std::string address, kind, node;
  std::vector<TimelineSpan> handled;  // by start; one at a time
  std::vector<TimelineWork> work;     // by start
};

struct Timeline {
  int64_t step = 0;
  int64_t start_ns = 0, end_ns = 0;   // of the step, as the coordinator saw it
  std::vector<ActorTimeline> actors;  // by node, then address

  const ActorTimeline* find(const std::string& address) const;  // nullptr: no such actor
  double seconds() const { return static_cast<double>(end_ns - start_ns) / 1e9; }
};

// From the records of the step and the two beside it: what a step's end leaves in the journal may
// stand one record early or late. Nothing if they do not tell when the step ended.
std::optional<Timeline> build_timeline(const std::vector<NodeRecord>& records, int64_t step);

// Of `step`, or of the last one that ended. Throws UsageError if the journals have none.
Timeline read_timeline(const std::string& run_dir, std::optional<int64_t> step = std::nullopt);

}  // namespace troupe
