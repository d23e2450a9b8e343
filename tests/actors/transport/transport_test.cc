#include "actors/transport/transport.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <future>

#include "actors/cluster/socket_address.h"
#include "actors/trace/system_config.h"
#include "base/error.h"

namespace troupe {
namespace {

using std::chrono_literals::operator""s;

std::string endpoint(const std::string& name) {
  return "ipc://@troupe_transport_test_" + std::to_string(getpid()) + name;
}

// Channels have threads of their own, so these run on a real actor system.
class TransportTest : public testing::Test {
 protected:
  TransportMap map = {{{"a", endpoint("a")}, {"b", endpoint("b")}},
                      {{"policy/pp0", "a"}, {"policy/pp1", "b"}}};
  SystemConfig config;
  caf::actor_system system{config};
  caf::scoped_actor self{system};
  std::promise<std::string> error;
  ChannelReceiver::OnError on_error = [this](const std::string& text) { error.set_value(text); };
  TensorRef tensor = make_tensor_ref(std::vector<float>{1, 2, 3, 4, 5, 6}, DType::f32, {2, 3});

  TensorMessage receive() {
    TensorMessage received;
    self->receive([&](TensorMessage& message) { received = message; },
                  caf::after(10s) >> [] { FAIL() << "nothing arrived within 10 s"; });
    return received;
  }

  std::string next_error() {
    auto text = error.get_future();
    return text.wait_for(10s) == std::future_status::ready ? text.get() : "no error within 10 s";
  }
};

TEST_F(TransportTest, ATensorForAnotherNodeArrivesWithTypeShapeAndBytes) {
  Transport a("a", map, on_error), b("b", map, on_error);
  b.add_local("policy/pp1", caf::actor_cast<TensorInlet>(self));
  auto outlet = a.outlet("policy/pp1@b", "policy/pp0");
  outlet.send("activations", 5, tensor);
  auto message = receive();
  EXPECT_EQ(message.sender, "policy/pp0");
  EXPECT_EQ(message.stream, "activations");
  EXPECT_EQ(message.sequence, 5);
  EXPECT_EQ(message.tensor.dtype, DType::f32);
  EXPECT_EQ(message.tensor.shape, (std::vector<int64_t>{2, 3}));
  EXPECT_TRUE(std::ranges::equal(message.tensor.bytes(), tensor.bytes()));
  EXPECT_NE(message.tensor.data, tensor.data);
}

// ZeroMQ lets small frames lie at any address of what it received at once.
TEST_F(TransportTest, SmallTensorsArriveWhereKernelsMayReadThem) {
  Transport a("a", map, on_error), b("b", map, on_error);
  b.add_local("policy/pp1", caf::actor_cast<TensorInlet>(self));
  for (int64_t i = 0; i < 20; ++i)
    a.outlet("policy/pp1@b", "policy/pp0")
        .send(std::string(static_cast<size_t>(i), 's'), i, tensor);
  for (int64_t i = 0; i < 20; ++i) {
    const auto received = receive().tensor;
    EXPECT_EQ(reinterpret_cast<uintptr_t>(received.data.get()) % alignof(std::max_align_t), 0u);
    EXPECT_TRUE(std::ranges::equal(received.bytes(), tensor.bytes()));
  }
}

TEST_F(TransportTest, WithinANodeOnlyThePointerTravels) {
  Transport a("a", map, on_error);
  a.add_local("policy/pp0@a", caf::actor_cast<TensorInlet>(self));
  auto outlet = a.outlet("policy/pp0", "policy/pp0");
  outlet.send("activations", 0, tensor);
  EXPECT_EQ(receive().tensor.data, tensor.data);
}

TEST_F(TransportTest, OneSendersTensorsArriveInOrder) {
  Transport a("a", map, on_error), b("b", map, on_error);
  b.add_local("policy/pp1", caf::actor_cast<TensorInlet>(self));
  auto outlet = a.outlet("policy/pp1", "policy/pp0");
  for (int i = 0; i < 100; ++i) outlet.send("activations", i, tensor);
  for (int i = 0; i < 100; ++i) ASSERT_EQ(receive().sequence, i);
}

TEST_F(TransportTest, AnAddressOutsideThePlanIsNamed) {
  Transport a("a", map, on_error);
  EXPECT_THROW(a.outlet("policy/pp7", "policy/pp0"), Error);
  EXPECT_THROW(a.add_local("policy/pp1", caf::actor_cast<TensorInlet>(self)), Error);
}

TEST_F(TransportTest, ATensorForNobodyIsReportedWithItsAddressAndStream) {
  Transport a("a", map, on_error), b("b", map, on_error);
  a.outlet("policy/pp1", "policy/pp0").send("gradients", 9, tensor);
  auto text = next_error();
  EXPECT_NE(text.find("policy/pp1"), std::string::npos) << text;
  EXPECT_NE(text.find("gradients"), std::string::npos) << text;
}

// A peer that counts the checksum over other bytes than it sends: as a flipped bit would look.
TEST_F(TransportTest, DamagedBytesAreFoundAndDoNotReachTheActor) {
  Transport b("b", map, on_error);
  b.add_local("policy/pp1", caf::actor_cast<TensorInlet>(self));
  auto context = std::make_shared<zmq::context_t>(1);
  zmq::socket_t relay(*context, zmq::socket_type::pull), onward(*context, zmq::socket_type::push);
  relay.bind(endpoint("relay"));
  relay.set(zmq::sockopt::rcvtimeo, 10000);
  onward.connect(endpoint("b"));
  ChannelSender sender(context, {endpoint("relay")});
  sender.send("policy/pp1", {"activations", 0, tensor});
  zmq::message_t header, payload;
  ASSERT_TRUE(relay.recv(header));
  ASSERT_TRUE(relay.recv(payload));
  static_cast<char*>(payload.data())[7] ^= 1;
  onward.send(header, zmq::send_flags::sndmore);
  onward.send(payload, zmq::send_flags::none);
  auto text = next_error();
  EXPECT_NE(text.find("checksum"), std::string::npos) << text;
  EXPECT_FALSE(self->has_next_message());
}

TEST_F(TransportTest, GarbageIsReportedAndTheNextTensorStillArrives) {
  Transport a("a", map, on_error), b("b", map, on_error);
  b.add_local("policy/pp1", caf::actor_cast<TensorInlet>(self));
  zmq::context_t context;
  zmq::socket_t garbage(context, zmq::socket_type::push);
  garbage.connect(endpoint("b"));
  garbage.send(zmq::str_buffer("hello, who is there?"), zmq::send_flags::none);
  EXPECT_NE(next_error(), "no error within 10 s");
  a.outlet("policy/pp1", "policy/pp0");  // closing an outlet that sent nothing does no harm
  auto outlet = a.outlet("policy/pp1", "policy/pp0");
  outlet.send("activations", 1, tensor);
  EXPECT_EQ(receive().sequence, 1);
}

TEST(TensorRefTest, ABufferMustHaveTheSizeOfItsShape) {
  EXPECT_THROW(make_tensor_ref(std::vector<float>(5), DType::f32, {2, 3}), Error);
  EXPECT_THROW(make_tensor_ref(std::vector<float>(6), DType::bf16, {2, 3}), Error);
}

// Over TCP, as between hosts: encrypted, at a port that was bound for the receiver.
class EncryptedTransportTest : public TransportTest {
 protected:
  EncryptedTransportTest() {
    uint16_t port = 0;
    map.listening_socket = listening_socket("127.0.0.1", port);
    map.endpoint_of_node["b"] = "tcp://127.0.0.1:" + std::to_string(port);
    map.keys = curve_keys("the cluster's secret");
    receiver.emplace("b", map, on_error);
    receiver->add_local("policy/pp1", caf::actor_cast<TensorInlet>(self));
  }

  // Whether a socket that `prepare` has given its keys gets through the handshake within 1 s.
  template <class Prepare>
  bool may_send(Prepare prepare) {
    zmq::context_t context;
    zmq::socket_t socket(context, zmq::socket_type::push);
    prepare(socket);
    socket.set(zmq::sockopt::immediate, true);  // nothing is queued for a peer that is not there
    socket.set(zmq::sockopt::sndtimeo, 1000);
    socket.set(zmq::sockopt::linger, 0);
    socket.connect(map.endpoint_of_node.at("b"));
    return socket.send(zmq::message_t(std::string("x")), zmq::send_flags::none).has_value();
  }

  std::optional<Transport> receiver;
};

TEST_F(EncryptedTransportTest, ATensorArrivesAtAPortThatWasBoundBefore) {
  Transport a("a", {map.endpoint_of_node, map.node_of_address, map.keys}, on_error);
  auto outlet = a.outlet("policy/pp1", "policy/pp0");
  outlet.send("activations", 1, tensor);
  EXPECT_TRUE(std::ranges::equal(receive().tensor.bytes(), tensor.bytes()));
}

TEST_F(EncryptedTransportTest, OnlyWhoKnowsTheSecretGetsThroughTheHandshake) {
  EXPECT_TRUE(may_send([&](auto& socket) { dial_encrypted(socket, *map.keys); }));
  EXPECT_FALSE(may_send([](auto&) {}));
  EXPECT_FALSE(
      may_send([](auto& socket) { dial_encrypted(socket, curve_keys("another secret")); }));
}

}  // namespace
}  // namespace troupe
