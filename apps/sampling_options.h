// The options that shape how tokens are chosen.
#pragma once

#include <cstdint>

#include "kernels/sampling/sample.h"

namespace CLI {
class App;
}

namespace troupe {

struct SamplingRunOptions {
  SamplingOptions sampling = {.temperature = 0.7f};
  uint64_t seed = 0;
  int64_t max_tokens = 256;
  bool ignore_eos = false;

  void check() const;  // throws UsageError on a value out of range
};

void add_sampling_options(CLI::App& command, SamplingRunOptions& options);

}  // namespace troupe
