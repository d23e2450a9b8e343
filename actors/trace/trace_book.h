// The probes of all actors of one process. `main` owns it through the actor system's config.
#pragma once

#include <atomic>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "actors/trace/probe.h"

namespace troupe {

// Where an actor stands in the plan: "policy/pp0", kind "stage", on node "trainer-0".
struct ActorLabel {
  std::string address;
  std::string kind;
  std::string node;
};

class TraceBook {
 public:
  // Whether actors note what they handle; off, a message costs nothing.
  std::atomic<bool> enabled = true;

  std::shared_ptr<ActorProbe> add_probe() {
    std::lock_guard lock(mutex_);
    return probes_.emplace_back(std::make_shared<ActorProbe>());
  }

  void label(caf::actor_id actor, ActorLabel label) {
    std::lock_guard lock(mutex_);
    labels_[actor] = std::move(label);
  }

  std::map<caf::actor_id, ActorLabel> labels() const {
    std::lock_guard lock(mutex_);
    return labels_;
  }

  std::vector<std::shared_ptr<ActorProbe>> probes() const {
    std::lock_guard lock(mutex_);
    return probes_;
  }

 private:
  mutable std::mutex mutex_;
  std::vector<std::shared_ptr<ActorProbe>> probes_;
  std::map<caf::actor_id, ActorLabel> labels_;
};

}  // namespace troupe
