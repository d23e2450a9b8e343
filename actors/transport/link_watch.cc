#include "actors/transport/link_watch.h"

#include <algorithm>
#include <cstring>

#include "base/duration_text.h"
#include "base/error.h"

namespace troupe {
namespace {

constexpr std::chrono::milliseconds kConnectLimit{60000};
constexpr int kEvents =
    ZMQ_EVENT_HANDSHAKE_SUCCEEDED | ZMQ_EVENT_DISCONNECTED | ZMQ_EVENT_MONITOR_STOPPED;

}  // namespace

LinkWatch::LinkWatch(std::shared_ptr<zmq::context_t> context, std::chrono::milliseconds limit)
    : context_(std::move(context)), limit_(limit) {
  CHECK(limit.count() > 0, limit.count());
}

void LinkWatch::add(zmq::socket_t& socket, const std::string& peer) {
  const auto limit = static_cast<int>(limit_.count());
  socket.set(zmq::sockopt::heartbeat_ivl, std::max(limit / 4, 1));
  socket.set(zmq::sockopt::heartbeat_timeout, limit);
  const std::lock_guard lock(mutex_);
  const std::string address = "inproc://link-" + std::to_string(num_added_++);
  const bool is_monitored = zmq_socket_monitor(socket.handle(), address.c_str(), kEvents) == 0;
  CHECK(is_monitored, peer);
  zmq::socket_t events(*context_, zmq::socket_type::pair);
  events.set(zmq::sockopt::linger, 0);
  events.connect(address);
  links_.push_back({peer, std::move(events), Clock::now()});
}

std::optional<std::string> LinkWatch::lost(Clock::time_point now) {
  const std::lock_guard lock(mutex_);
  for (Link& link : links_) read_events(link, now);
  links_.remove_if([](const Link& link) { return link.is_closed; });
  for (const Link& link : links_)
    if (auto loss = loss_of(link, now)) return loss;
  return std::nullopt;
}

// An event is two frames: its number, with a value, and an address.
void LinkWatch::read_events(Link& link, Clock::time_point now) try {
  for (;;) {
    zmq::message_t event, address;
    if (!link.events.recv(event, zmq::recv_flags::dontwait)) return;
    (void)link.events.recv(address);
    uint16_t number = 0;
    CHECK(event.size() >= sizeof number, event.size());
    std::memcpy(&number, event.data(), sizeof number);
    if (number == ZMQ_EVENT_HANDSHAKE_SUCCEEDED) link.was_up = true;
    if (number == ZMQ_EVENT_DISCONNECTED && link.was_up && !link.broken) link.broken = now;
    if (number == ZMQ_EVENT_MONITOR_STOPPED) link.is_closed = true;
  }
} catch (const zmq::error_t& error) {
  if (error.num() != ETERM) throw;
  link.is_closed = true;
}

std::optional<std::string> LinkWatch::loss_of(const Link& link, Clock::time_point now) const {
  if (link.broken && now - *link.broken >= limit_)
    return "its link to " + link.peer + " broke " + seconds_text(now - *link.broken) +
           " ago (the limit of silence is " + seconds_text(limit_) + ")";
  const auto connect_limit = std::max(limit_, kConnectLimit);
  if (!link.was_up && now - link.created >= connect_limit)
    return link.peer + " has not answered for " + seconds_text(now - link.created);
  return std::nullopt;
}

}  // namespace troupe
