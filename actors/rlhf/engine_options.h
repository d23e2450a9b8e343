// How the run's rollout engines generate.
#pragma once

#include "actors/rlhf/run_setup.h"
#include "graph/generation/generator.h"

namespace troupe {

GeneratorOptions engine_options(const RunSetup& setup);

}  // namespace troupe
