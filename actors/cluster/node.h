// The actor that stands for one process: it beats towards the supervisor, minds the actors that the
// process hosts, and on Shutdown ends them in order. It runs on a thread of its own, so that busy
// neighbours cannot make it look silent.
#pragma once

#include <caf/all.hpp>
#include <functional>
#include <map>
#include <optional>
#include <string>

#include "actors/cluster/directory.h"
#include "actors/cluster/supervisor.h"
#include "actors/messages.h"
#include "actors/trace/traced.h"
#include "actors/trace/tracer.h"

namespace troupe {

// Within the process only.
struct HostActor {
  std::string address;
  caf::strong_actor_ptr actor;
};
struct Beat {};
struct StopNow {};  // hosted actors have had their time

}  // namespace troupe

CAF_ALLOW_UNSAFE_MESSAGE_TYPE(troupe::HostActor)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(troupe::Beat)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(troupe::StopNow)

namespace troupe {

using Node = caf::typed_actor<caf::reacts_to<HostActor>, caf::reacts_to<Beat>,
                              caf::reacts_to<TrainingStep>, caf::reacts_to<Shutdown>,
                              caf::reacts_to<StopNow>, caf::replies_to<GetStats>::with<NodeStats>>;

struct NodeConfig {
  std::string node;
  Directory directory;
  Supervisor supervisor;
  Tracer tracer;
  caf::timespan heartbeat_interval = std::chrono::seconds(1);
  caf::timespan actors_stop_limit = std::chrono::seconds(5);
  // What is wrong with the process's links to other hosts, if anything: asked at each heartbeat.
  std::function<std::optional<std::string>()> lost_link = [] { return std::nullopt; };
  std::function<void(const std::string&)> log;
};

struct NodeState {
  const char* name = "node";
  NodeConfig config;
  std::map<std::string, caf::strong_actor_ptr> hosted;  // by address; those that live
  bool stopping = false, leaving = false;

  std::string forget(const caf::actor_addr& actor);  // its address; empty: not one of ours
};

Node::behavior_type node(Traced<Node, NodeState>* self, NodeConfig config);

}  // namespace troupe
