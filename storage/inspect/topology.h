// Who lived where in a run and who sent what to whom, read back from the nodes' journals: of a run
// that goes on, has ended, or was killed.
#pragma once

#include <functional>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "storage/inspect/node_lives.h"
#include "storage/journal/node_record.h"

namespace troupe {

struct TopologyNode {
  std::string name;
  int64_t pid = 0;
  std::string host;
  std::string state;  // "running", "ended" (in order) or "lost" (killed)
  int64_t step = -1;
  std::vector<std::string> actors;            // addresses
  std::vector<NodeLife> history;              // its processes; the last one is this
  std::map<std::string, double> peak_memory;  // bytes of tensors by class, and "total" at one time
};

// An actor asked another (or a role) for something and had not got it.
struct TopologyWait {
  std::string whom, what;
  double seconds = 0;  // for so long
};

struct TopologyActor {
  std::string address;
  std::string kind;
  std::string node;
  std::string role;   // the address up to its first "/"
  std::string state;  // "running", "ended", "failed", or "lost" with its node
  std::string exit_reason;
  int64_t mailbox_depth = 0;
  double oldest_message_ms = 0;
  int64_t handled = 0;                   // messages
  double busy_share = 0;                 // of its lifetime, in handlers: 0..1
  std::map<std::string, double> gauges;  // "weight_version", "samples_in_flight", "kv_use"
  std::vector<TopologyWait> waits;
};

struct TopologyEdge {
  std::string from;  // address; "?" if the sender was no actor of the run
  std::string to;
  std::string message;
  int64_t count = 0;
  double rate = 0;    // a second, over the receiver's life
  int64_t bytes = 0;  // of tensors
  double total_ms = 0;
  double p50_us = 0;
  double p99_us = 0;
};

struct Topology {
  std::vector<TopologyNode> nodes;    // by name
  std::vector<TopologyActor> actors;  // by node, then address
  std::vector<TopologyEdge> edges;    // the most handler time first
};

// `is_alive` tells whether the process that wrote a record is there still.
Topology build_topology(std::vector<NodeRecord> records,
                        const std::function<bool(const NodeRecord&)>& is_alive,
                        const NodeLives& history = {});

// As the journals under run_dir/journal have it last, or at the end of `step`. Throws UsageError if
// there is no journal or no such step.
Topology read_topology(const std::string& run_dir, std::optional<int64_t> step = std::nullopt);

std::string to_json(const Topology& topology);  // docs/topology.md; ASCII
// For graphviz: a box for each node, one line between two actors that talk. What keeps every
// cluster going (kinds node, tracer, door, directory) and self-sent messages are left out; thick
// blue lines carry tensors.
std::string to_dot(const Topology& topology);
std::string to_text(const Topology& topology);  // a tree and the busiest edges, 100 columns wide

}  // namespace troupe
