// Which order of addition a run's kernels follow (numerics.kernels): chosen when it starts, written
// to its config, and kept to by every node of it.
#pragma once

#include <string_view>

#include "base/run_config.h"

namespace troupe {

// Replaces "auto" by a name. Throws UsageError where this machine cannot follow what is wanted.
void resolve_kernels(Config& config);

// Makes this process follow it. Throws an Error that says what the machine lacks.
void use_kernels(RunConfig::Reader config);

// As kernels/instruction_set.h calls it.
std::string_view name_of(RunConfig::Kernels kernels);

}  // namespace troupe
