// The pipeline stages of a step as rows of letters: F forward, B backward, . idle.
#pragma once

#include <string>

#include "storage/inspect/timeline.h"

namespace troupe {

// A role's stages from the first to the last of their work in the step.
struct PipelineShare {
  std::string role;
  int64_t stages = 0;
  int64_t start_ns = 0, end_ns = 0;
  int64_t busy_ns = 0;  // of all stages together

  double bubble() const {  // share of the stages' time in which they had nothing to do, 0..1
    const auto time = static_cast<double>((end_ns - start_ns) * stages);
    return time > 0 ? 1 - static_cast<double>(busy_ns) / time : 0;
  }
};

std::vector<PipelineShare> pipeline_shares(const Timeline& timeline);
// {"seconds", "stages": [{"address", "spans": {"F": [start, end, start, end ...]}}], "roles":
// [{"role", "stages", "bubble"}]}, in microseconds from the step's start. Work of one letter with
// less than a 2000th of the step between is one span.
std::string gantt_json(const Timeline& timeline);
std::string gantt_text(const Timeline& timeline);  // 100 columns

}  // namespace troupe
