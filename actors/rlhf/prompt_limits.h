// Whether a run's prompts fit into what its config gives them room in: told before anything is
// started, not when the first of them is handed out.
#pragma once

#include "actors/rlhf/run_setup.h"

namespace troupe {

// Throws UsageError that names the key that is too small, its value, and the longest prompt.
void check_prompts_fit(const RunSetup& setup, const Config& config);

}  // namespace troupe
