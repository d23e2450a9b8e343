// Tensors for a thread that waits for them itself, rather than for an actor's mailbox. What comes
// before the thread asks is kept.
#pragma once

#include <chrono>
#include <condition_variable>
#include <deque>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>

#include "actors/transport/tensor_message.h"

namespace troupe {

// Thread-safe.
class Inbox {
 public:
  void put(TensorMessage message);
  // The sender's next one; none if it has not come by then.
  std::optional<TensorMessage> take(const std::string& sender, std::chrono::milliseconds at_most);

 private:
  std::mutex mutex_;
  std::condition_variable has_come_;
  std::map<std::string, std::deque<TensorMessage>> by_sender_;
};

// Those of a node, by name. Thread-safe.
class Inboxes {
 public:
  std::shared_ptr<Inbox> at(const std::string& name);  // whoever asks first makes it
  void close(const std::string& name);

 private:
  std::mutex mutex_;
  std::map<std::string, std::shared_ptr<Inbox>> inboxes_;
};

// On the wire inboxes are told from actors by how their names begin.
inline constexpr std::string_view kInboxPrefix = "inbox ";

}  // namespace troupe
