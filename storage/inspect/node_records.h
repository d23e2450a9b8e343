// The records of a run's nodes, read from the journals in its folder.
#pragma once

#include <chrono>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "storage/journal/journal.h"
#include "storage/journal/node_record.h"

namespace troupe {

// Visits every node's journal. Throws UsageError if the folder has none.
void for_each_journal(const std::string& run_dir,
                      const std::function<void(const JournalReader&)>& visit);

// May a record tell of the end of `step`? Those of before the first step (-1) tell of no later one:
// a resumed process, too, begins with one.
bool tells_of(const NodeRecord& record, int64_t step);

// Every node's last record; with `step`, its last of that step or one before. By name. Throws
// UsageError if the folder has no journal, or its run no such step.
std::vector<NodeRecord> last_records(const std::string& run_dir,
                                     std::optional<int64_t> step = std::nullopt);

// Every node's records of steps first..last, in their order, node by node.
std::vector<NodeRecord> records_between(const std::string& run_dir, int64_t first, int64_t last);

// Whether the process that wrote it is there still: on this host it is looked up, on another it is
// believed for as long as its records (one each half second or so) are this young.
inline constexpr std::chrono::seconds kFarSilence{30};
bool is_alive(const NodeRecord& record);
bool is_alive_at(const NodeRecord& record, int64_t now_ns);  // since 1970

// What runs in every node answers to the same name, so the node's is added: "tracer@judge".
std::string address_in_run(const ActorRecord& actor, const NodeRecord& node);

// Who sent an edge's messages, as an address in the run.
class ActorNames {
 public:
  explicit ActorNames(const std::vector<NodeRecord>& records);
  std::string sender_of(const EdgeRecord& edge) const;  // "?": no actor of the run

 private:
  std::map<std::pair<std::string, uint64_t>, std::string> names_;  // by system and id
};

}  // namespace troupe
