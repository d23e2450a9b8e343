// The first failure of a run, as its launcher saw it: kept in the run folder for whoever asks why.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace troupe {

struct FailureRecord {
  std::string node;
  int64_t pid = 0;   // 0: the node had no process of its own
  std::string what;  // "was killed by signal 9 (Killed)"
  int64_t wall_time_ns = 0;
  std::vector<std::string> log;  // the last lines of the node's log
};

// RUN_DIR/failure.json; the first one stays.
void note_failure(const std::string& run_dir, const FailureRecord& failure);
// The run goes on: its failure becomes the last line of RUN_DIR/failures.jsonl.
void shelve_failure(const std::string& run_dir);
std::optional<FailureRecord> read_failure(const std::string& run_dir);
std::vector<FailureRecord> read_failures(const std::string& run_dir);  // shelved ones too, in order

}  // namespace troupe
