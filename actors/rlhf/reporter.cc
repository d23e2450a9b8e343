#include "actors/rlhf/reporter.h"

namespace troupe {

Reporter::behavior_type reporter(Traced<Reporter, ReporterState>*,
                                 std::function<void(const StepMetrics&)> show) {
  return {[show = std::move(show)](const StepMetrics& metrics) { show(metrics); }};
}

}  // namespace troupe
