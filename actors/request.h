// Asking several actors the same thing and waiting for all of them, with a deadline that names who
// waited for whom.
#pragma once

#include <caf/all.hpp>
#include <caf/detail/pretty_type_name.hpp>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "actors/answer.h"
#include "actors/messages.h"
#include "storage/journal/node_record.h"

namespace troupe {

// An actor and what to call it in an error.
template <class Handle>
struct Peer {
  std::string address;
  Handle handle;
};

// A peer by its address; throws when nobody has it.
template <class Handle>
Peer<Handle> peer(const Peers& peers, const std::string& address) {
  return {address, caf::actor_cast<Handle>(peers.find(address))};
}

// Sends to an actor of which only the pointer is known.
template <class Self, class Message>
void tell(Self* self, const caf::strong_actor_ptr& to, Message message) {
  self->send(caf::actor_cast<caf::typed_actor<caf::reacts_to<Message>>>(to), std::move(message));
}

// No step of a run takes longer; a silent node is noticed long before by its heartbeats.
inline constexpr std::chrono::minutes kRequestDeadline{30};

using OnFailure = std::function<void(const std::string& what)>;

// Sends `message` to `peer`; exactly one of the two functions is called, on `self`.
template <class Reply, class Self, class Handle, class Message, class OnReply>
void ask(Self* self, const Peer<Handle>& peer, const Message& message, OnReply on_reply,
         OnFailure on_failure) {
  const auto wait = self->probe().waits_for(
      peer.address, message_name(caf::detail::pretty_type_name(typeid(Message))));
  self->request(peer.handle, kRequestDeadline, message)
      .then(
          [self, wait, on_reply = std::move(on_reply)](Reply& reply) mutable {
            self->probe().got(wait);
            on_reply(std::move(reply));
          },
          [self, wait, on_failure = std::move(on_failure), name = std::string(self->name()),
           address = peer.address](caf::error& error) {
            self->probe().got(wait);
            on_failure(error == caf::sec::request_timeout
                           ? name + " waited " + std::to_string(kRequestDeadline.count()) +
                                 " minutes for " + address
                           : address + ": " + text_of(error));
          });
}

// Asks all peers; `on_all` gets their replies in the peers' order. The first failure is reported
// once, and nothing after it.
template <class Reply, class Self, class Handle, class Message, class OnAll>
void ask_all(Self* self, const std::vector<Peer<Handle>>& peers, const Message& message,
             OnAll on_all, OnFailure on_failure) {
  struct Waiting {
    std::vector<Reply> replies;
    size_t missing;
    bool failed = false;
    OnAll on_all;
    OnFailure on_failure;
  };
  auto waiting =
      std::make_shared<Waiting>(Waiting{std::vector<Reply>(peers.size()), peers.size(), false,
                                        std::move(on_all), std::move(on_failure)});
  for (size_t i = 0; i < peers.size(); ++i)
    ask<Reply>(
        self, peers[i], message,
        [waiting, i](Reply&& reply) {
          waiting->replies[i] = std::move(reply);
          if (--waiting->missing == 0 && !waiting->failed)
            waiting->on_all(std::move(waiting->replies));
        },
        [waiting](const std::string& what) {
          if (!waiting->failed) waiting->on_failure(what);
          waiting->failed = true;
        });
}

}  // namespace troupe
