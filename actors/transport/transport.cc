#include "actors/transport/transport.h"

#include "base/error.h"

namespace troupe {

// Shared by a node's transport and its outlets, which may outlive it for a moment.
class LocalInlets {
 public:
  explicit LocalInlets(std::shared_ptr<Inboxes> inboxes) : inboxes_(std::move(inboxes)) {}

  void add(const std::string& address, TensorInlet actor) {
    std::lock_guard lock(mutex_);
    inlets_[address] = std::move(actor);
  }

  void send(const std::string& address, TensorMessage message) {
    if (address.starts_with(kInboxPrefix)) return inboxes_->at(address)->put(std::move(message));
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
  std::shared_ptr<Inboxes> inboxes_;
  std::mutex mutex_;
  std::map<std::string, TensorInlet> inlets_;
};

namespace {

bool is_over_network(const Link& link) {
  return link.endpoint.starts_with("tcp://");
}

}  // namespace

std::string without_node(const std::string& address) {
  return address.substr(0, address.find('@'));
}

TensorOutlet::TensorOutlet(std::string address, std::string sender,
                           std::shared_ptr<LocalInlets> local)
    : address_(std::move(address)), sender_(std::move(sender)), local_(std::move(local)) {}

TensorOutlet::TensorOutlet(std::string address, std::string sender,
                           std::shared_ptr<zmq::context_t> context, const Link& link)
    : address_(std::move(address)),
      sender_(std::move(sender)),
      remote_(std::make_unique<ChannelSender>(std::move(context), link)) {}

void TensorOutlet::send(std::string stream, int64_t sequence, TensorRef tensor) {
  CHECK(local_ || remote_);
  TensorMessage message{std::move(stream), sequence, std::move(tensor), sender_};
  if (local_)
    local_->send(address_, std::move(message));
  else
    remote_->send(address_, message);
}

Link TransportMap::link_to(const std::string& node) const {
  const auto endpoint = endpoint_of_node.find(node);
  CHECK(endpoint != endpoint_of_node.end(), node);
  Link link = {.endpoint = endpoint->second, .node = node};
  if (is_over_network(link)) link.keys = keys;
  return link;
}

Transport::Transport(std::string node, TransportMap map, ChannelReceiver::OnError on_error)
    : node_(std::move(node)),
      map_(std::move(map)),
      local_(std::make_shared<LocalInlets>(inboxes_)) {
  if (map_.endpoint_of_node.size() < 2) return;
  if (map_.silence_limit.count() > 0)
    links_ = std::make_shared<LinkWatch>(context_, map_.silence_limit);
  auto link = map_.link_to(node_);
  link.listening_socket = map_.listening_socket;
  receiver_.emplace(context_, link, inboxes_, std::move(on_error));
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
  return outlet_to(without_node(address), node_of(address), std::move(sender));
}

TensorOutlet Transport::outlet_to_inbox(const std::string& address, const std::string& inbox,
                                        std::string sender) const {
  CHECK(inbox.starts_with(kInboxPrefix), inbox, address);
  return outlet_to(inbox, node_of(address), std::move(sender));
}

TensorOutlet Transport::outlet_to(const std::string& target, const std::string& node,
                                  std::string sender) const {
  if (node == node_) return TensorOutlet(target, std::move(sender), local_);
  Link link = map_.link_to(node);
  if (is_over_network(link)) link.watch = links_;
  return TensorOutlet(target, std::move(sender), context_, link);
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
