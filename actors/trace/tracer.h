// Writes what the probes of this process show into the node's journal: one record a training step,
// brought up to date at an interval, and a last one when the node leaves.
#pragma once

#include <caf/all.hpp>
#include <memory>
#include <string>

#include "actors/messages.h"
#include "actors/trace/snapshot.h"
#include "actors/trace/traced.h"
#include "storage/journal/journal.h"

namespace troupe {

// Within the process only.
struct Sample {};
struct FinalSample {};
struct FinalSampleWritten {};

}  // namespace troupe

CAF_ALLOW_UNSAFE_MESSAGE_TYPE(troupe::Sample)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(troupe::FinalSample)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(troupe::FinalSampleWritten)

namespace troupe {

using Tracer = caf::typed_actor<caf::reacts_to<Sample>, caf::reacts_to<TrainingStep>,
                                caf::replies_to<FinalSample>::with<FinalSampleWritten>,
                                caf::replies_to<GetStats>::with<NodeStats>>;

struct TracerConfig {
  std::string node;
  std::string journal_folder;
  caf::timespan interval = std::chrono::milliseconds(500);  // 0: only the first and the last
};

struct TracerState {
  const char* name = "tracer";
  TracerConfig config;
  std::unique_ptr<Journal> journal;
  int64_t step = -1;
  int64_t last_written_step = -1;

  void write(const caf::actor_system& system, Activity activity, bool final = false);
};

Tracer::behavior_type tracer(Traced<Tracer, TracerState>* self, TracerConfig config);

}  // namespace troupe
