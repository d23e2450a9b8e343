#include "actors/transport/channel.h"

#include <capnp/message.h>
#include <capnp/serialize.h>

#include <chrono>
#include <cstring>

#include "base/error.h"
#include "base/hash.h"
#include "storage/schema/channel.capnp.h"

namespace troupe {

size_t num_bytes_of(DType dtype, std::span<const int64_t> shape) {
  size_t count = 1;
  for (auto extent : shape) {
    CHECK(extent >= 0, extent);
    CHECK(!__builtin_mul_overflow(count, static_cast<size_t>(extent), &count), extent);
  }
  return count * size_of(dtype);
}

namespace {

constexpr auto kSendTimeout = std::chrono::minutes(1);
constexpr int kLinger = 1000;  // ms: what an actor sent just before it ended still arrives

void fill(wire::TensorHeader::Builder header, const std::string& target,
          const TensorMessage& message) {
  header.setTarget(target);
  header.setStream(message.stream);
  header.setSender(message.sender);
  header.setSequence(message.sequence);
  header.setDtype(static_cast<uint8_t>(message.tensor.dtype));
  header.setChecksum(xxh3(message.tensor.bytes()));
  auto shape = header.initShape(static_cast<unsigned>(message.tensor.shape.size()));
  for (unsigned i = 0; i < shape.size(); ++i) shape.set(i, message.tensor.shape[i]);
}

zmq::message_t to_frame(capnp::MallocMessageBuilder& builder) {
  auto words = capnp::messageToFlatArray(builder);
  return {words.asBytes().begin(), words.asBytes().size()};
}

// A frame that shares the tensor's bytes and lets go of them once ZeroMQ has written them.
zmq::message_t to_frame(const TensorRef& tensor) {
  auto* share = new std::shared_ptr<const std::byte>(tensor.data);
  auto release = [](void*, void* share) {
    delete static_cast<std::shared_ptr<const std::byte>*>(share);
  };
  return {const_cast<std::byte*>(tensor.data.get()), tensor.num_bytes, release, share};
}

// The frame's bytes; moved to where kernels may read them if ZeroMQ, which lets small frames lie
// anywhere in what it received at once, has put them at an odd address.
std::shared_ptr<const std::byte> share_frame(zmq::message_t frame) {
  const auto* data = frame.data<std::byte>();
  if (reinterpret_cast<uintptr_t>(data) % alignof(std::max_align_t) != 0) {
    auto copy = std::make_shared<std::vector<std::byte>>(data, data + frame.size());
    return {copy, copy->data()};
  }
  auto owner = std::make_shared<zmq::message_t>(std::move(frame));
  return {owner, owner->data<std::byte>()};
}

TensorMessage read(wire::TensorHeader::Reader header, zmq::message_t payload) {
  TensorMessage message{
      .stream = header.getStream(), .sequence = header.getSequence(), .sender = header.getSender()};
  int dtype = header.getDtype();
  CHECK(dtype <= static_cast<int>(DType::u8), dtype);
  auto& tensor = message.tensor;
  tensor.dtype = static_cast<DType>(dtype);
  for (int64_t extent : header.getShape()) tensor.shape.push_back(extent);
  tensor.num_bytes = payload.size();
  tensor.data = share_frame(std::move(payload));
  auto expected_bytes = num_bytes_of(tensor.dtype, tensor.shape);
  CHECK(tensor.num_bytes == expected_bytes, tensor.num_bytes, expected_bytes);
  auto checksum = xxh3(tensor.bytes()), expected_checksum = header.getChecksum();
  CHECK(checksum == expected_checksum, checksum, expected_checksum);
  return message;
}

}  // namespace

ChannelSender::ChannelSender(std::shared_ptr<zmq::context_t> context, const Link& link)
    : context_(std::move(context)),
      endpoint_(link.endpoint),
      socket_(*context_, zmq::socket_type::push) {
  socket_.set(zmq::sockopt::linger, kLinger);
  socket_.set(zmq::sockopt::sndtimeo,
              static_cast<int>(kSendTimeout / std::chrono::milliseconds(1)));
  if (link.keys) dial_encrypted(socket_, *link.keys);
  if (link.watch) link.watch->add(socket_, "node " + link.node + " at " + endpoint_);
  socket_.connect(endpoint_);
}

void ChannelSender::send(const std::string& target, const TensorMessage& message) {
  capnp::MallocMessageBuilder builder;
  fill(builder.initRoot<wire::TensorHeader>(), target, message);
  auto header_sent = socket_.send(to_frame(builder), zmq::send_flags::sndmore).has_value();
  CHECK(header_sent, target, endpoint_, message.stream, message.sequence);
  socket_.send(to_frame(message.tensor), zmq::send_flags::none);
}

ChannelReceiver::ChannelReceiver(std::shared_ptr<zmq::context_t> context, const Link& link,
                                 std::shared_ptr<Inboxes> inboxes, OnError on_error)
    : context_(std::move(context)),
      socket_(*context_, zmq::socket_type::pull),
      inboxes_(std::move(inboxes)),
      on_error_(std::move(on_error)) {
  if (link.keys) listen_encrypted(socket_, *link.keys);
  if (link.listening_socket >= 0) socket_.set(zmq::sockopt::use_fd, link.listening_socket);
  socket_.bind(link.endpoint);
  endpoint_ = socket_.get(zmq::sockopt::last_endpoint);
  thread_ = std::jthread([this] { run(); });
}

void ChannelReceiver::add_target(const std::string& name, TensorInlet actor) {
  std::lock_guard lock(targets_mutex_);
  targets_[name] = std::move(actor);
}

void ChannelReceiver::run() try {
  for (;;) {
    zmq::message_t header, payload;
    (void)socket_.recv(header);
    for (bool more = header.more(); more; more = payload.more()) (void)socket_.recv(payload);
    try {
      deliver(header, std::move(payload));
    } catch (const kj::Exception& e) {
      on_error_(std::string("malformed tensor header: ") + e.getDescription().cStr());
    } catch (const std::exception& e) {
      on_error_(e.what());
    }
  }
} catch (const zmq::error_t& e) {
  socket_.close();  // lets the context's shutdown finish
  if (e.num() != ETERM) on_error_(std::string("the receiving socket failed: ") + e.what());
}

void ChannelReceiver::deliver(const zmq::message_t& header_frame, zmq::message_t payload) {
  std::vector<capnp::word> words(header_frame.size() / sizeof(capnp::word));  // aligned copy
  CHECK(!words.empty(), header_frame.size());
  std::memcpy(words.data(), header_frame.data(), words.size() * sizeof(capnp::word));
  capnp::FlatArrayMessageReader reader(kj::arrayPtr(words.data(), words.size()));
  auto header = reader.getRoot<wire::TensorHeader>();
  std::string target = header.getTarget();
  auto what = "receiving a tensor for " + target + ", stream " + std::string(header.getStream()) +
              ", sequence " + std::to_string(header.getSequence());
  with_context(what, [&] {
    auto message = read(header, std::move(payload));
    if (target.starts_with(kInboxPrefix)) return inboxes_->at(target)->put(std::move(message));
    std::lock_guard lock(targets_mutex_);
    auto inlet = targets_.find(target);
    CHECK(inlet != targets_.end(), target);
    caf::anon_send(inlet->second, std::move(message));
  });
}

}  // namespace troupe
