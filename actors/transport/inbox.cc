#include "actors/transport/inbox.h"

namespace troupe {

void Inbox::put(TensorMessage message) {
  const std::lock_guard lock(mutex_);
  auto& messages = by_sender_[message.sender];
  messages.push_back(std::move(message));
  has_come_.notify_all();
}

std::optional<TensorMessage> Inbox::take(const std::string& sender,
                                         std::chrono::milliseconds at_most) {
  std::unique_lock lock(mutex_);
  auto& messages = by_sender_[sender];
  if (!has_come_.wait_for(lock, at_most, [&] { return !messages.empty(); })) return std::nullopt;
  TensorMessage message = std::move(messages.front());
  messages.pop_front();
  return message;
}

std::shared_ptr<Inbox> Inboxes::at(const std::string& name) {
  const std::lock_guard lock(mutex_);
  auto& inbox = inboxes_[name];
  if (!inbox) inbox = std::make_shared<Inbox>();
  return inbox;
}

void Inboxes::close(const std::string& name) {
  const std::lock_guard lock(mutex_);
  inboxes_.erase(name);
}

}  // namespace troupe
