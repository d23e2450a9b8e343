// A run's metrics as TensorBoard reads them. The file tells what metrics.jsonl tells and nothing
// else: a run that goes on gets a new one, made from the lines that were kept.
#pragma once

#include <memory>
#include <nlohmann/json_fwd.hpp>
#include <string>

#include "storage/file.h"

namespace troupe {

class EventFile {
 public:
  // Takes the place of older event files in `folder`, with all that `metrics_file` holds.
  EventFile(const std::string& folder, const std::string& metrics_file);

  // A line of metrics.jsonl: each number under its name, in front of which stands the phase where
  // that is not PPO; at its step and its wall_time. Throws if it cannot be written.
  void add(const nlohmann::json& metrics);

 private:
  OutputFile file_;
};

}  // namespace troupe
