// The data plane of one node: where tensors for an address go is decided by the plan, not by who
// sends. In this process a tensor is passed as a pointer, to another one through a Channel; both
// ways it lands in the receiver's mailbox as a TensorMessage.
#pragma once

#include <chrono>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <zmq.hpp>

#include "actors/transport/channel.h"
#include "actors/transport/tensor_message.h"

namespace troupe {

// "policy/pp0@trainer-0" -> "policy/pp0"; an address without a node is returned as it is.
std::string without_node(const std::string& address);

// Where every node listens and every actor lives, from the plan.
struct TransportMap {
  std::map<std::string, std::string> endpoint_of_node;
  std::map<std::string, std::string> node_of_address;  // addresses without "@node"
  std::optional<CurveKeys> keys;                       // of links over TCP
  int listening_socket = -1;                           // this node's, if it was bound for us
  // How long another host may be silent; 0: as long as it likes.
  std::chrono::milliseconds silence_limit{0};

  Link link_to(const std::string& node) const;  // throws if the map has no such node
};

class LocalInlets;

// The sending end for one receiver. One per sending actor, in its state; not thread-safe.
class TensorOutlet {
 public:
  TensorOutlet() = default;
  TensorOutlet(std::string address, std::string sender, std::shared_ptr<LocalInlets> local);
  TensorOutlet(std::string address, std::string sender, std::shared_ptr<zmq::context_t> context,
               const Link& link);

  // Throws if a local receiver has not been added, or a remote one makes no room for a minute.
  void send(std::string stream, int64_t sequence, TensorRef tensor);

 private:
  std::string address_, sender_;
  std::shared_ptr<LocalInlets> local_;  // null: the receiver is in another process
  std::unique_ptr<ChannelSender> remote_;
};

class Transport {
 public:
  // Binds the endpoint of `node` if the map has more than one node.
  Transport(std::string node, TransportMap map, ChannelReceiver::OnError on_error);
  ~Transport();  // stops the receiving thread

  // `actor` receives what is sent to `address` ("policy/pp0", with or without "@node").
  void add_local(const std::string& address, TensorInlet actor);

  // `sender` is the address that the topology shows. Throws if the plan has no such address.
  TensorOutlet outlet(const std::string& address, std::string sender) const;
  bool is_local(const std::string& address) const;

  // What has become of other hosts; null where nobody asked for it.
  std::shared_ptr<LinkWatch> links() const { return links_; }

  // For threads rather than actors: this node's inboxes, and the way to one of those of the node
  // where `address` lives.
  std::shared_ptr<Inboxes> inboxes() const { return inboxes_; }
  TensorOutlet outlet_to_inbox(const std::string& address, const std::string& inbox,
                               std::string sender) const;

 private:
  const std::string& node_of(const std::string& address) const;
  TensorOutlet outlet_to(const std::string& target, const std::string& node,
                         std::string sender) const;

  std::string node_;
  TransportMap map_;
  std::shared_ptr<zmq::context_t> context_ = std::make_shared<zmq::context_t>(1);
  std::shared_ptr<LinkWatch> links_;
  std::shared_ptr<Inboxes> inboxes_ = std::make_shared<Inboxes>();
  std::shared_ptr<LocalInlets> local_;
  std::optional<ChannelReceiver> receiver_;
};

}  // namespace troupe
