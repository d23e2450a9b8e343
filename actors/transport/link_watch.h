// Notices that another host is out of reach while nothing is being sent to it: ZeroMQ by itself
// connects again for ever, and whoever waits for a tensor from there would wait as long.
#pragma once

#include <chrono>
#include <cstdint>
#include <list>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <zmq.hpp>

namespace troupe {

// The sending sockets of one process. Thread-safe.
class LinkWatch {
 public:
  using Clock = std::chrono::steady_clock;
  // How long a peer may be silent, and then, how long a broken link may stay unexplained: where a
  // process died, the supervisor knows by then.
  LinkWatch(std::shared_ptr<zmq::context_t> context, std::chrono::milliseconds limit);

  // Of a socket that has not connected yet. `peer` is for people. It is forgotten when it closes.
  void add(zmq::socket_t& socket, const std::string& peer);

  // Says which link is lost, if one is. A link that broke is, even if it is up again: what was on
  // its way may be missing.
  std::optional<std::string> lost(Clock::time_point now = Clock::now());

 private:
  struct Link {
    std::string peer;
    zmq::socket_t events;
    Clock::time_point created;
    bool was_up = false;
    std::optional<Clock::time_point> broken;
    bool is_closed = false;
  };
  void read_events(Link& link, Clock::time_point now);
  std::optional<std::string> loss_of(const Link& link, Clock::time_point now) const;

  std::shared_ptr<zmq::context_t> context_;
  std::chrono::milliseconds limit_;
  std::mutex mutex_;
  int64_t num_added_ = 0;
  std::list<Link> links_;
};

}  // namespace troupe
