// Is a run well? Decided from the last records of its nodes, which processes are there, and what
// the launcher noted.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "storage/journal/failure.h"
#include "storage/journal/node_record.h"

namespace troupe {

enum class ProcessState { gone, runs, stopped };  // stopped: by SIGSTOP or a debugger

struct Diagnosis {
  enum class Verdict { healthy = 0, waiting = 3, dead = 4 };  // the exit status of --diagnose
  Verdict verdict = Verdict::healthy;
  std::string text;  // the verdict first; a few lines
};

struct DiagnosisInput {
  std::vector<NodeRecord> records;  // each node's last
  std::optional<FailureRecord> failure;
  std::function<ProcessState(const NodeRecord&)> state_of;
  int64_t wall_time_ns = 0;  // now
};

Diagnosis diagnose(const DiagnosisInput& input);

// Of a run's folder, now. Throws UsageError if it is none.
Diagnosis diagnose_run(const std::string& run_dir);

}  // namespace troupe
