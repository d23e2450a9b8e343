// Shows a run's progress where it was started: the coordinator's metrics as they come.
#pragma once

#include <caf/all.hpp>
#include <functional>
#include <string>

#include "actors/messages.h"
#include "actors/trace/traced.h"

namespace troupe {

using Reporter = caf::typed_actor<caf::reacts_to<StepMetrics>>;

struct ReporterState {
  std::string name = "reporter";
};

Reporter::behavior_type reporter(Traced<Reporter, ReporterState>* self,
                                 std::function<void(const StepMetrics&)> show);

}  // namespace troupe
