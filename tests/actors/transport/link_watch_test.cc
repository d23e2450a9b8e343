#include "actors/transport/link_watch.h"

#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <sys/socket.h>
#include <unistd.h>

#include <thread>

namespace troupe {
namespace {

using namespace std::chrono_literals;
using Clock = LinkWatch::Clock;

// A port that is taken, so that no other program gets it, and answers nobody: it does not listen.
class MutePort {
 public:
  MutePort() {
    sockaddr_in address = {};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t size = sizeof address;
    auto* any = reinterpret_cast<sockaddr*>(&address);
    if (bind(socket_, any, size) != 0 || getsockname(socket_, any, &size) != 0)
      throw std::system_error(errno, std::generic_category(), "no port");
    endpoint_ = "tcp://127.0.0.1:" + std::to_string(ntohs(address.sin_port));
  }
  ~MutePort() { close(socket_); }
  MutePort(const MutePort&) = delete;
  MutePort& operator=(const MutePort&) = delete;
  const std::string& endpoint() const { return endpoint_; }

 private:
  int socket_ = socket(AF_INET, SOCK_STREAM, 0);
  std::string endpoint_;
};

// Time is the tests' own; what sockets say comes when it comes, within 10 s.
class LinkWatchTest : public testing::Test {
 protected:
  std::shared_ptr<zmq::context_t> context = std::make_shared<zmq::context_t>(1);
  LinkWatch watch{context, 2s};
  Clock::time_point start = Clock::now();

  zmq::socket_t listener() {
    zmq::socket_t socket(*context, zmq::socket_type::pull);
    socket.set(zmq::sockopt::linger, 0);
    socket.set(zmq::sockopt::rcvtimeo, 10000);
    socket.bind("tcp://127.0.0.1:*");
    return socket;
  }
  zmq::socket_t sender_to(const std::string& endpoint) {
    zmq::socket_t socket(*context, zmq::socket_type::push);
    socket.set(zmq::sockopt::linger, 0);
    watch.add(socket, "node b at " + endpoint);
    socket.connect(endpoint);
    return socket;
  }
  // A link that has carried a message is up.
  void pass_a_message(zmq::socket_t& from, zmq::socket_t& to) {
    zmq::message_t received;
    from.send(zmq::str_buffer("x"), zmq::send_flags::none);
    ASSERT_TRUE(to.recv(received).has_value());
  }
  // As time goes on by a second until the limit after the break has passed.
  std::string lost_in_time(Clock::time_point& time) {
    const auto deadline = Clock::now() + 10s;
    for (; Clock::now() < deadline; time += 1s)
      if (auto loss = watch.lost(time)) return *loss;
    return "nothing was lost within 10 s";
  }
  // What is lost at `time`, as soon as anything is.
  std::string lost_at(Clock::time_point time) {
    const auto deadline = Clock::now() + 10s;
    while (Clock::now() < deadline) {
      if (auto loss = watch.lost(time)) return *loss;
      std::this_thread::yield();
    }
    return "nothing was lost within 10 s";
  }
};

TEST_F(LinkWatchTest, ALinkThatIsUpMayBeQuietForEver) {
  auto to = listener();
  auto from = sender_to(to.get(zmq::sockopt::last_endpoint));
  pass_a_message(from, to);
  EXPECT_EQ(watch.lost(start), std::nullopt);
  EXPECT_EQ(watch.lost(start + 1h), std::nullopt);
}

TEST_F(LinkWatchTest, ABrokenLinkIsLostOnceTheLimitHasPassed) {
  auto to = listener();
  const std::string endpoint = to.get(zmq::sockopt::last_endpoint);
  auto from = sender_to(endpoint);
  pass_a_message(from, to);
  EXPECT_EQ(watch.lost(start), std::nullopt);
  to.close();
  auto time = start;
  const std::string loss = lost_in_time(time);
  EXPECT_NE(loss.find("link to node b at " + endpoint + " broke 2 s ago"), std::string::npos)
      << loss;
}

// What was on its way may be gone, which only the far end could tell.
TEST_F(LinkWatchTest, ALinkThatBrokeIsLostEvenIfItIsUpAgain) {
  auto to = listener();
  const std::string endpoint = to.get(zmq::sockopt::last_endpoint);
  auto from = sender_to(endpoint);
  pass_a_message(from, to);
  EXPECT_EQ(watch.lost(start), std::nullopt);
  to.close();
  auto time = start;
  EXPECT_NE(lost_in_time(time).find(endpoint + " broke 2 s ago"), std::string::npos);
  zmq::socket_t again(*context, zmq::socket_type::pull);
  again.set(zmq::sockopt::linger, 0);
  again.set(zmq::sockopt::rcvtimeo, 10000);
  for (const auto deadline = Clock::now() + 10s;;) try {
      again.bind(endpoint);
      break;
    } catch (const zmq::error_t&) {  // until the first one has let go of the port
      ASSERT_LT(Clock::now(), deadline);
    }
  pass_a_message(from, again);
  EXPECT_NE(lost_at(time).find(endpoint + " broke 2 s ago"), std::string::npos);
}

TEST_F(LinkWatchTest, APeerThatNeverAnswersIsLostAfterAMinute) {
  const MutePort nobody;
  auto from = sender_to(nobody.endpoint());
  EXPECT_EQ(watch.lost(start + 59s), std::nullopt);
  EXPECT_NE(lost_at(start + 61s).find("node b at " + nobody.endpoint() + " has not answered for 6"),
            std::string::npos);
}

TEST_F(LinkWatchTest, ASocketThatClosesIsForgotten) {
  const MutePort nobody;
  sender_to(nobody.endpoint()).close();
  const auto deadline = Clock::now() + 10s;
  while (watch.lost(start + 1h) && Clock::now() < deadline) std::this_thread::yield();
  EXPECT_EQ(watch.lost(start + 1h), std::nullopt);
}

}  // namespace
}  // namespace troupe
