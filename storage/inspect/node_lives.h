// The processes that a node has had, one after the other: a resumed run starts its nodes anew, and
// each goes on in the node's journal.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "storage/journal/failure.h"
#include "storage/journal/node_record.h"

namespace troupe {

// One of them. Times are since 1970, UTC.
struct NodeLife {
  int64_t pid = 0;
  std::string host;
  std::string state;  // "running", "ended" (in order) or "lost"
  int64_t started_ns = 0;
  int64_t heard_ns = 0;  // of its last record
  std::string failure;   // "was killed by signal 9 (Killed)", where it was the first of its run
};

using NodeLives = std::map<std::string, std::vector<NodeLife>>;  // by node, the oldest first

// From the journals and the noted failures. Throws UsageError if the folder is no run's.
NodeLives read_lives(const std::string& run_dir);

// The lives up to the one that wrote the record, as they were known then.
std::vector<NodeLife> lives_until(const NodeRecord& record, const std::string& state,
                                  const std::vector<NodeLife>& lives);

void add_failures(NodeLives& lives, const std::vector<FailureRecord>& failures);

}  // namespace troupe
