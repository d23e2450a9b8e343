// What a node's tracer writes to the journal: the process, its actors, and who sent them what.
// Times are in nanoseconds, moments of the host's steady clock. The schema is
// storage/schema/journal.capnp.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

namespace troupe {

struct EdgeRecord {
  std::string sender_system;
  uint64_t sender = 0;  // 0: nobody (timeouts, anonymous messages, tensors)
  std::string message;
  int64_t count = 0;
  int64_t handler_ns = 0;
  int64_t p50_ns = 0;
  int64_t p99_ns = 0;
  std::string sender_address;  // of tensors, which carry it themselves; else empty
  int64_t bytes = 0;           // of tensors
  int64_t last_ns = 0;         // when the last message was handled
};

// What an actor asked for and had not got.
struct WaitRecord {
  std::string whom, what;
  int64_t since_ns = 0;
};

struct HandledRecord {
  uint32_t edge = 0;  // index into the actor's edges
  int64_t arrived_ns = 0, start_ns = 0, end_ns = 0;
};

// A named piece of work: "step 12", "F3" (forward of micro-batch 3).
struct WorkRecord {
  std::string label;
  int64_t start_ns = 0, end_ns = 0;
};

struct ActorRecord {
  uint64_t id = 0;
  std::string address;
  std::string kind;
  std::string type;
  std::string exit_reason;  // empty: it lived
  int64_t mailbox_depth = 0;
  int64_t oldest_message_ns = 0;
  int64_t current_handler_ns = 0;
  int64_t lifetime_ns = 0;
  std::vector<EdgeRecord> edges;
  std::vector<WaitRecord> waits;
  std::map<std::string, double> gauges;
  std::vector<HandledRecord> handled;  // since the step before, in the step's last record only
  std::vector<WorkRecord> work;        // likewise
};

struct NodeRecord {
  std::string node;
  int64_t pid = 0;
  uint64_t process_start = 0;  // of the pid, in clock ticks since boot: tells a reused pid
  std::string host;
  std::string system;        // CAF's name of the process, as it stands in other nodes' edges
  int64_t wall_time_ns = 0;  // since 1970, UTC
  int64_t steady_ns = 0;     // the host's steady clock at that moment
  int64_t step = -1;         // the training step that was running
  bool final = false;        // the node was leaving in order
  std::map<std::string, double> peak_memory;  // bytes of tensors by class, and "total" at one time
  std::vector<ActorRecord> actors;
};

std::string message_name(const std::string& type);  // "RunBatch" of "troupe::RunBatch"

std::string encode(const NodeRecord& record);
NodeRecord decode_node_record(std::string_view bytes);  // throws on malformed bytes
NodeRecord decode_node_header(std::string_view bytes);  // likewise; leaves out the actors

}  // namespace troupe
