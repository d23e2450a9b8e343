#include "actors/transport/transport.h"

#include "base/error.h"

namespace troupe {

// Shared by a node's transport and its outlets, which may outlive it for a moment.
class LocalInlets {
 public:
  void add(const std::string& address, TensorInlet actor) {
    std::lock_guard lock(mutex_);
    inlets_[address] = std::move(actor);
  }

  void send(const std::string& address, TensorMessage message) {
    std::lock_guard lock(mutex_);
    auto inlet = inlets_.find(address);
    CHECK(inlet != inlets_.end(), address, message.stream);
    caf::anon_send(inlet->second, std::move(message));
  }

  void clear() {
    std::lock_guard lock(mutex_);
    inlets_.clear();
  }

 private:
  std::mutex mutex_;
  std::map<std::string, TensorInlet> inlets_;
};

std::string without_node(const std::string& address) {
  return address.substr(0, address.find('@'));
}

TensorOutlet::TensorOutlet(std::string address, std::string sender,
                           std::shared_ptr<LocalInlets> local)
    : address_(std::move(address)), sender_(std::move(sender)), local_(std::move(local)) {}

TensorOutlet::TensorOutlet(std::string address, std::string sender,
                           std::shared_ptr<zmq::context_t> context, std::string endpoint)
    : address_(std::move(address)),
      sender_(std::move(sender)),
      remote_(std::make_unique<ChannelSender>(std::move(context), endpoint)) {}

void TensorOutlet::send(std::string stream, int64_t sequence, TensorRef tensor) {
  CHECK(local_ || remote_);
  TensorMessage message{std::move(stream), sequence, std::move(tensor), sender_};
  if (local_)
    local_->send(address_, std::move(message));
  else
    remote_->send(address_, message);
}

Transport::Transport(std::string node, TransportMap map, ChannelReceiver::OnError on_error)
    : node_(std::move(node)), map_(std::move(map)), local_(std::make_shared<LocalInlets>()) {
  if (map_.endpoint_of_node.size() < 2) return;
  auto endpoint = map_.endpoint_of_node.find(node_);
  CHECK(endpoint != map_.endpoint_of_node.end(), node_);
  receiver_.emplace(context_, endpoint->second, std::move(on_error));
}

Transport::~Transport() {
  local_->clear();
  context_->shutdown();
}

void Transport::add_local(const std::string& address, TensorInlet actor) {
  CHECK(is_local(address), address, node_);
  local_->add(without_node(address), actor);
  if (receiver_) receiver_->add_target(without_node(address), actor);
}

TensorOutlet Transport::outlet(const std::string& address, std::string sender) const {
  auto name = without_node(address);
  if (is_local(address)) return TensorOutlet(name, std::move(sender), local_);
  return TensorOutlet(name, std::move(sender), context_,
                      map_.endpoint_of_node.at(node_of(address)));
}

bool Transport::is_local(const std::string& address) const {
  return node_of(address) == node_;
}

const std::string& Transport::node_of(const std::string& address) const {
  auto node = map_.node_of_address.find(without_node(address));
  CHECK(node != map_.node_of_address.end(), address);
  return node->second;
}

}  // namespace troupe
