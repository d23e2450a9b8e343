// What generating with a model will take, by class, told before any of it is allocated.
#pragma once

#include "graph/generation/generator.h"
#include "graph/memory_forecast.h"

namespace troupe {

// Of a Generator with dense or int8 weights that so many sequences are given, each as long as may
// be. What they share of their prefixes is not taken off.
MemoryForecast forecast_generation(const LlamaConfig& config, const GeneratorOptions& options,
                                   int64_t num_sequences);

}  // namespace troupe
