// Tensors between processes, past CAF's serialisation: ZeroMQ carries a Cap'n Proto header and the
// raw bytes, which only the kernel copies. At the far end the bytes are checked against the
// header's xxh3, and the tensor enters its actor's mailbox as a message that keeps the ZeroMQ frame
// alive.
#pragma once

#include <atomic>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <zmq.hpp>

#include "actors/transport/curve_keys.h"
#include "actors/transport/inbox.h"
#include "actors/transport/link_watch.h"
#include "actors/transport/tensor_message.h"

namespace troupe {

// How a channel's two ends reach each other.
struct Link {
  std::string endpoint;              // "ipc://...", "tcp://..."
  std::optional<CurveKeys> keys;     // none: in the clear, for links that do not leave the host
  std::string node;                  // at the far end of a sending one
  std::shared_ptr<LinkWatch> watch;  // of a sending end that may lose its peer; may be null
  int listening_socket = -1;  // of the receiving end, bound to the endpoint already; -1: it binds
};

// One per sending actor, in its state: ZeroMQ sockets are not thread-safe. Order is kept.
class ChannelSender {
 public:
  ChannelSender(std::shared_ptr<zmq::context_t> context, const Link& link);

  // Throws if the far end has not made room for a minute.
  void send(const std::string& target, const TensorMessage& message);

 private:
  std::shared_ptr<zmq::context_t> context_;
  std::string endpoint_;
  zmq::socket_t socket_;
};

// One per process. Its thread ends when `context` is shut down; then, and only then, may the
// receiver be destroyed.
class ChannelReceiver {
 public:
  // `on_error` runs on the receiver's thread, with what arrived damaged, malformed or for nobody.
  using OnError = std::function<void(const std::string&)>;
  ChannelReceiver(std::shared_ptr<zmq::context_t> context, const Link& link,
                  std::shared_ptr<Inboxes> inboxes, OnError on_error);

  const std::string& endpoint() const { return endpoint_; }  // the one bound, port resolved
  void add_target(const std::string& name, TensorInlet actor);

 private:
  void run();
  void deliver(const zmq::message_t& header, zmq::message_t payload);

  std::shared_ptr<zmq::context_t> context_;
  zmq::socket_t socket_;  // the thread's alone once it runs
  std::string endpoint_;
  std::shared_ptr<Inboxes> inboxes_;
  OnError on_error_;
  std::mutex targets_mutex_;
  std::map<std::string, TensorInlet> targets_;
  std::jthread thread_;
};

}  // namespace troupe
