#include "actors/trace/probe.h"

#include <algorithm>
#include <caf/detail/pretty_type_name.hpp>
#include <caf/type_nr.hpp>

#include "actors/transport/tensor_message.h"

namespace troupe {
namespace {

// A message is one struct, so its first element's type names it.
const void* type_of(const caf::type_erased_tuple& content) {
  if (content.empty()) return nullptr;
  auto [number, rtti] = content.type(0);
  return number == 0 ? static_cast<const void*>(rtti) : &caf::numbered_type_names[number - 1];
}

std::string type_name(const caf::type_erased_tuple& content) {
  if (content.empty()) return "()";
  auto [number, rtti] = content.type(0);
  return number == 0 ? caf::detail::pretty_type_name(*rtti) : caf::numbered_type_names[number - 1];
}

// Tensors are sent past CAF, so they name their sender themselves.
const std::string& sender_address(const caf::type_erased_tuple& content) {
  static const std::string kNone;
  const bool is_tensor = !content.empty() && content.match_element<TensorMessage>(0);
  return is_tensor ? content.get_as<TensorMessage>(0).sender : kNone;
}

int64_t tensor_bytes(const caf::type_erased_tuple& content) {
  const bool is_tensor = !content.empty() && content.match_element<TensorMessage>(0);
  return is_tensor ? static_cast<int64_t>(content.get_as<TensorMessage>(0).tensor.num_bytes) : 0;
}

template <class T>
void add(std::atomic<T>& x, T amount) {  // one writer, so no read-modify-write
  x.store(x.load(std::memory_order_relaxed) + amount, std::memory_order_relaxed);
}

}  // namespace

void ActorProbe::describe(caf::actor_id id, std::string name, std::string type) {
  std::lock_guard lock(description_mutex_);
  description_.id = id;
  description_.name = std::move(name);
  description_.type = std::move(type);
}

void ActorProbe::exited(std::string reason) {
  ended_ns_.store(now_ns(), std::memory_order_relaxed);
  std::lock_guard lock(description_mutex_);
  description_.exit_reason = std::move(reason);
}

ActorProbe::Edge& ActorProbe::edge_of(const caf::mailbox_element& message) {
  auto num_edges = num_edges_.load(std::memory_order_relaxed);
  const void* sender_block = message.sender.get();
  const void* message_type = type_of(message.content());
  const auto& address = sender_address(message.content());
  for (size_t i = 0; i < num_edges; ++i) {
    auto& edge = edges_[i];
    bool same = edge.sender_block == sender_block && edge.message_type == message_type &&
                edge.key.sender_address == address;
    if (same || i == kEdges - 1) return edge;
  }
  auto& edge = edges_[num_edges];
  edge.sender_block = sender_block;
  edge.message_type = message_type;
  edge.key.message = type_name(message.content());
  edge.key.sender_address = address;
  if (message.sender) {
    edge.key.sender = message.sender->id();
    edge.key.sender_node = message.sender->node();
  }
  num_edges_.store(num_edges + 1, std::memory_order_release);
  return edge;
}

ActorProbe::Handling::Handling(ActorProbe& probe, const caf::mailbox_element& message)
    : probe_(probe),
      edge_(probe.edge_of(message)),
      bytes_(tensor_bytes(message.content())),
      start_ns_(now_ns()) {
  probe_.handler_start_ns_.store(start_ns_, std::memory_order_relaxed);
}

void ActorProbe::Handling::finish(bool consumed) {
  probe_.handler_start_ns_.store(0, std::memory_order_relaxed);
  if (!consumed) return;
  const auto consumed_before = probe_.consumed_.load(std::memory_order_relaxed);
  const auto arrived =
      probe_.arrivals_[consumed_before % kArrivals].load(std::memory_order_relaxed);
  const auto end = now_ns();
  add(probe_.consumed_, uint64_t{1});
  add(edge_.count, int64_t{1});
  add(edge_.handler_ns, end - start_ns_);
  add(edge_.bytes, bytes_);
  edge_.last_ns.store(end, std::memory_order_relaxed);
  edge_.durations.add(end - start_ns_);
  const auto index = static_cast<uint32_t>(&edge_ - probe_.edges_.data());
  probe_.handled_.add({index, std::min(arrived, start_ns_), start_ns_, end});
}

void ActorProbe::worked(std::string label, int64_t start_ns) {
  work_.add({std::move(label), start_ns, now_ns()});
}

int64_t ActorProbe::waits_for(std::string whom, std::string what) {
  std::lock_guard lock(description_mutex_);
  waits_[++last_wait_] = {std::move(whom), std::move(what), now_ns()};
  return last_wait_;
}

void ActorProbe::got(int64_t wait) {
  std::lock_guard lock(description_mutex_);
  waits_.erase(wait);
}

void ActorProbe::gauge(const std::string& name, double value) {
  std::lock_guard lock(description_mutex_);
  description_.gauges[name] = value;
}

ActorStats ActorProbe::stats() const {
  ActorStats stats;
  {
    std::lock_guard lock(description_mutex_);
    stats = description_;
    for (const auto& [number, wait] : waits_) stats.waits.push_back(wait);
  }
  auto now = now_ns();
  auto ended = ended_ns_.load(std::memory_order_relaxed);
  stats.lifetime_ns = (ended ? ended : now) - created_ns_;
  auto consumed = consumed_.load(std::memory_order_relaxed);
  auto arrived = std::max(arrived_.load(std::memory_order_relaxed), consumed);
  stats.mailbox_depth = static_cast<int64_t>(arrived - consumed);
  if (stats.mailbox_depth > 0)
    stats.oldest_message_ns = now - arrivals_[consumed % kArrivals].load(std::memory_order_relaxed);
  if (auto start = handler_start_ns_.load(std::memory_order_relaxed))
    stats.current_handler_ns = now - start;
  auto num_edges = num_edges_.load(std::memory_order_acquire);
  for (size_t i = 0; i < num_edges; ++i) {
    auto& edge = stats.edges.emplace_back(edges_[i].key);
    edge.count = edges_[i].count.load(std::memory_order_relaxed);
    edge.handler_ns = edges_[i].handler_ns.load(std::memory_order_relaxed);
    edge.p50_ns = edges_[i].durations.quantile(0.5);
    edge.p99_ns = edges_[i].durations.quantile(0.99);
    edge.bytes = edges_[i].bytes.load(std::memory_order_relaxed);
    edge.last_ns = edges_[i].last_ns.load(std::memory_order_relaxed);
  }
  return stats;
}

}  // namespace troupe
