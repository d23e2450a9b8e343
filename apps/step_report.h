// A run's step as its progress bar shows it.
#pragma once

#include "actors/messages.h"
#include "apps/progress.h"

namespace troupe {

// Moves the bar; evaluations stay on the screen, above it.
void show(Progress& progress, const StepMetrics& step);

}  // namespace troupe
