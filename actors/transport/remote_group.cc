#include "actors/transport/remote_group.h"

#include <algorithm>

#include "base/error.h"
#include "base/hash.h"
#include "devices/shares.h"
#include "devices/tree_sum.h"

namespace troupe {
namespace {

constexpr const char* kAbsent = ", absent";

TensorRef copy_of(std::span<const std::byte> bytes) {
  return make_tensor_ref(std::vector<std::byte>(bytes.begin(), bytes.end()), DType::u8,
                         {std::ssize(bytes)});
}

template <class T>
std::span<const std::byte> share_of(std::span<const T> values, std::span<const int64_t> borders,
                                    int rank) {
  const Shares shares{borders};
  return std::as_bytes(values.subspan(static_cast<size_t>(shares.begin(rank)),
                                      static_cast<size_t>(shares.count(rank))));
}

std::vector<int64_t> in_bytes(std::vector<int64_t> borders, int64_t element_bytes) {
  for (auto& border : borders) border *= element_bytes;
  return borders;
}

}  // namespace

RemoteGroup::RemoteGroup(const Transport& transport, const RemoteGroupOptions& options)
    : self_{options.group, options.rank, static_cast<int>(options.addresses.size())},
      options_(options),
      inboxes_(transport.inboxes()),
      heard_(options.addresses.size(), "nothing") {
  CHECK(self_.rank >= 0 && self_.rank < self_.size, self_.rank, self_.size, self_.group);
  inbox_ = inboxes_->at(inbox_name(self_.rank));
  const auto& sender = options_.addresses[static_cast<size_t>(self_.rank)];
  for (int to = 0; to < self_.size; ++to) {
    const auto& address = options_.addresses[static_cast<size_t>(to)];
    outlets_.push_back(to == self_.rank
                           ? TensorOutlet()
                           : transport.outlet_to_inbox(address, inbox_name(to), sender));
  }
}

RemoteGroup::~RemoteGroup() {
  inboxes_->close(inbox_name(self_.rank));
}

std::string RemoteGroup::inbox_name(int rank) const {
  return std::string(kInboxPrefix) + self_.group + " of rank " + std::to_string(rank);
}

CollectiveCall RemoteGroup::next(CollectiveCall call) {
  call.sequence = ++num_calls_;
  return call;
}

std::vector<RemoteGroup::Received> RemoteGroup::exchange(
    const CollectiveCall& call, const std::string& phase,
    const std::function<TensorRef(int to)>& part_for) {
  const std::string what = describe(call) + phase;
  const std::string stream = call.presence == Presence::present ? what : what + kAbsent;
  for (int to = 0; to < self_.size; ++to) {
    if (to == self_.rank) continue;
    const TensorRef part = part_for(to);
    bytes_sent_ += static_cast<int64_t>(part.num_bytes);
    outlets_[static_cast<size_t>(to)].send(stream, static_cast<int64_t>(call.sequence), part);
  }
  std::vector<Received> all(static_cast<size_t>(self_.size));
  for (int from = 0; from < self_.size; ++from)
    if (from != self_.rank) all[static_cast<size_t>(from)] = receive(from, what);
  all[static_cast<size_t>(self_.rank)].presence = call.presence;
  return all;
}

RemoteGroup::Received RemoteGroup::receive(int from, const std::string& call) {
  const auto& sender = options_.addresses[static_cast<size_t>(from)];
  const auto& [deadline, before_wait, after_wait] = options_.waits;
  auto message = inbox_->take(sender, std::chrono::milliseconds(0));
  if (!message) {
    if (before_wait) before_wait();
    message = inbox_->take(sender, deadline);
    if (after_wait) after_wait();
  }
  auto& heard = heard_[static_cast<size_t>(from)];
  const std::string where =
      "group \"" + self_.group + "\", " + call + ": rank " + std::to_string(self_.rank) + ", ";
  if (!message)
    throw Error(where + "waited " + std::to_string(deadline.count()) + " ms for rank " +
                std::to_string(from) + " at " + sender + ", of which it has heard " + heard);
  heard = message->stream;
  const bool is_present = heard == call;
  if (!is_present && heard != call + kAbsent)
    throw Error(where + "got another call from rank " + std::to_string(from) + " at " + sender +
                ": " + heard);
  return {std::move(message->tensor), is_present ? Presence::present : Presence::absent};
}

template <class T>
bool RemoteGroup::add_own(const CollectiveCall& call, std::span<const T> values,
                          std::span<const int64_t> borders, T* own) {
  const bool is_present = call.presence == Presence::present;
  const auto all = exchange(call, "", [&](int to) {
    return copy_of(is_present ? share_of(values, borders, to) : std::span<const std::byte>());
  });
  const auto mine = share_of(values, borders, self_.rank);
  std::vector<const T*> addends;
  std::vector<Presence> presences;
  for (int from = 0; from < self_.size; ++from) {
    const auto& [part, presence] = all[static_cast<size_t>(from)];
    const auto bytes = from == self_.rank ? mine : part.bytes();
    CHECK(presence == Presence::absent || bytes.size() == mine.size(), from, bytes.size(),
          mine.size(), self_.group);
    addends.push_back(reinterpret_cast<const T*>(bytes.data()));
    presences.push_back(presence);
  }
  const TreeSum sum(presences);
  sum.apply<T>(addends, own, std::ssize(mine) / static_cast<int64_t>(sizeof(T)));
  return !sum.is_empty();
}

void RemoteGroup::gather(const CollectiveCall& call, std::span<const std::byte> own,
                         std::span<const int64_t> borders, std::span<std::byte> all) {
  const TensorRef part = copy_of(own);
  const auto received = exchange(call, ", shares of all", [&](int) { return part; });
  const Shares shares{borders};
  for (int from = 0; from < self_.size; ++from) {
    const auto bytes = from == self_.rank ? own : received[static_cast<size_t>(from)].part.bytes();
    CHECK(std::ssize(bytes) == shares.count(from), from, bytes.size(), self_.group);
    std::byte* to = all.data() + shares.begin(from);
    if (bytes.data() != to) std::ranges::copy(bytes, to);
  }
}

template <class T>
bool RemoteGroup::all_reduce_of(std::span<T> values, Presence presence) {
  const auto borders = even_borders(std::ssize(values), sizeof(T), self_.size);
  auto call = next({.op = CollectiveOp::all_reduce,
                    .element_bytes = sizeof(T),
                    .count = std::ssize(values),
                    .presence = presence});
  T* own = values.data() + borders[static_cast<size_t>(self_.rank)];
  if (!add_own<T>(call, values, borders, own)) return false;
  call.presence = Presence::present;
  gather(call, share_of<T>(values, borders, self_.rank), in_bytes(borders, sizeof(T)),
         std::as_writable_bytes(values));
  return true;
}

bool RemoteGroup::all_reduce(std::span<float> values, Presence presence) {
  return all_reduce_of(values, presence);
}

bool RemoteGroup::all_reduce(std::span<double> values, Presence presence) {
  return all_reduce_of(values, presence);
}

bool RemoteGroup::reduce_scatter(std::span<const float> values, std::span<const int64_t> borders,
                                 std::span<float> own, Presence presence) {
  check_borders(self_, borders, std::ssize(values), std::ssize(own));
  const auto call = next({.op = CollectiveOp::reduce_scatter,
                          .element_bytes = sizeof(float),
                          .count = std::ssize(values),
                          .borders = hash_of(borders),
                          .presence = presence});
  return add_own(call, values, borders, own.data());
}

void RemoteGroup::all_gather(std::span<const std::byte> own, std::span<const int64_t> borders,
                             std::span<std::byte> all) {
  check_borders(self_, borders, std::ssize(all), std::ssize(own));
  gather(
      next({.op = CollectiveOp::all_gather, .count = std::ssize(all), .borders = hash_of(borders)}),
      own, borders, all);
}

void RemoteGroup::all_to_all(std::span<const std::byte> to_all, std::span<std::byte> from_all) {
  const auto borders = equal_borders(self_, std::ssize(to_all), std::ssize(from_all));
  const auto received =
      exchange(next({.op = CollectiveOp::all_to_all, .count = std::ssize(to_all)}), "",
               [&](int to) { return copy_of(share_of(to_all, borders, to)); });
  for (int from = 0; from < self_.size; ++from) {
    const auto own = share_of(to_all, borders, from);
    const auto bytes = from == self_.rank ? own : received[static_cast<size_t>(from)].part.bytes();
    CHECK(bytes.size() == own.size(), from, bytes.size(), own.size(), self_.group);
    std::ranges::copy(bytes, from_all.data() + borders[static_cast<size_t>(from)]);
  }
}

void RemoteGroup::broadcast(std::span<std::byte> values, int root) {
  CHECK(root >= 0 && root < self_.size, root, self_.size, self_.group);
  const bool is_root = self_.rank == root;
  const TensorRef part = copy_of(is_root ? values : std::span<std::byte>());
  const auto call =
      next({.op = CollectiveOp::broadcast, .count = std::ssize(values), .root = root});
  const auto received = exchange(call, "", [&](int) { return part; });
  if (is_root) return;
  const auto bytes = received[static_cast<size_t>(root)].part.bytes();
  CHECK(bytes.size() == values.size(), root, bytes.size(), values.size(), self_.group);
  std::ranges::copy(bytes, values.data());
}

void RemoteGroup::barrier() {
  const TensorRef nothing = copy_of({});
  exchange(next({.op = CollectiveOp::barrier}), "", [&](int) { return nothing; });
}

}  // namespace troupe
