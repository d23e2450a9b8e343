// One actor's counters: written by the actor and its senders, readable from any thread at any time,
// also while the actor is stuck. A message costs three clock reads and a few relaxed atomics.
#pragma once

#include <array>
#include <atomic>
#include <caf/mailbox_element.hpp>
#include <caf/node_id.hpp>
#include <chrono>
#include <cstdint>
#include <map>
#include <mutex>
#include <string>
#include <vector>

#include "actors/trace/duration_histogram.h"
#include "actors/trace/timeline_log.h"

namespace troupe {

// Who sent what to this actor, and how long handling it took. A sender in another process has its
// own process's node and id, so joining the ActorStats of all processes names both ends.
struct EdgeStats {
  caf::node_id sender_node;
  caf::actor_id sender = 0;    // 0 = nobody: timeouts, anonymous sends, tensors
  std::string sender_address;  // of a tensor, which brings it along
  std::string message;
  int64_t count = 0;
  int64_t handler_ns = 0;
  int64_t p50_ns = 0;
  int64_t p99_ns = 0;
  int64_t bytes = 0;    // of tensors
  int64_t last_ns = 0;  // when the last one was handled, steady clock
};

// What an actor has asked for and not got yet.
struct PendingWait {
  std::string whom, what;
  int64_t since_ns = 0;  // steady clock
};

struct ActorStats {
  caf::actor_id id = 0;
  std::string name;
  std::string type;
  std::string exit_reason;  // empty while it lives
  int64_t mailbox_depth = 0;
  int64_t oldest_message_ns = 0;   // age; a lower bound when more than kArrivals messages wait
  int64_t current_handler_ns = 0;  // how long the running handler has been at it; 0 = idle
  int64_t lifetime_ns = 0;
  std::vector<EdgeStats> edges;
  std::vector<PendingWait> waits;
  std::map<std::string, double> gauges;  // "weight_version", "samples_in_flight" ...
};

class ActorProbe {
  struct Edge {
    const void* sender_block = nullptr;
    const void* message_type = nullptr;
    EdgeStats key;
    std::atomic<int64_t> count = 0;
    std::atomic<int64_t> handler_ns = 0;
    std::atomic<int64_t> bytes = 0;
    std::atomic<int64_t> last_ns = 0;
    DurationHistogram durations;
  };

 public:
  static constexpr size_t kArrivals = 256;
  static constexpr size_t kEdges = 32;  // what comes after is counted in the last one

  void describe(caf::actor_id id, std::string name, std::string type);
  void exited(std::string reason);

  void arrived() {
    auto ticket = arrived_.fetch_add(1, std::memory_order_relaxed);
    arrivals_[ticket % kArrivals].store(now_ns(), std::memory_order_relaxed);
  }

  // Brackets the actor's handler. Takes the sender before the handler does: replying moves it out.
  class Handling {
   public:
    Handling(ActorProbe& probe, const caf::mailbox_element& message);
    void finish(bool consumed);

   private:
    ActorProbe& probe_;
    Edge& edge_;
    int64_t bytes_;
    int64_t start_ns_;
  };

  // Brackets a named piece of the actor's work.
  void worked(std::string label, int64_t start_ns);
  // The actor asked `whom` for `what`; pass the number to got() when the answer has come.
  int64_t waits_for(std::string whom, std::string what);
  void got(int64_t wait);
  void gauge(const std::string& name, double value);

  ActorStats stats() const;
  std::vector<HandledSpan> take_handled() { return handled_.take(); }
  std::vector<WorkSpan> take_work() { return work_.take(); }

  static int64_t now_ns() { return std::chrono::steady_clock::now().time_since_epoch().count(); }

 private:
  Edge& edge_of(const caf::mailbox_element& message);

  const int64_t created_ns_ = now_ns();
  std::atomic<int64_t> ended_ns_ = 0;
  std::atomic<uint64_t> arrived_ = 0;
  std::array<std::atomic<int64_t>, kArrivals> arrivals_ = {};
  alignas(64) std::atomic<uint64_t> consumed_ = 0;
  std::atomic<int64_t> handler_start_ns_ = 0;
  std::atomic<size_t> num_edges_ = 0;
  std::array<Edge, kEdges> edges_;

  TimelineLog<HandledSpan> handled_;
  TimelineLog<WorkSpan> work_;

  mutable std::mutex description_mutex_;
  ActorStats description_;
  int64_t last_wait_ = 0;
  std::map<int64_t, PendingWait> waits_;
};

}  // namespace troupe
