// Addresses as people give them.
#include "actors/cluster/socket_address.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include "base/error.h"
#include "tests/temporary_folder.h"

namespace troupe {
namespace {

TEST(SocketAddressTest, IsAHostAndAPort) {
  const auto address = parse_address("node-7:7433", "--join");
  EXPECT_EQ(address.host, "node-7");
  EXPECT_EQ(address.port, 7433);
  EXPECT_EQ(address.text(), "node-7:7433");
  EXPECT_EQ(parse_address("127.0.0.1:0", "listen", true).port, 0);
}

TEST(SocketAddressTest, WhatIsNoneIsRefusedWithTheText) {
  for (const char* text :
       {"", "host", "host:", ":80", "host:0", "host:65536", "host:8x", "host:-1"})
    EXPECT_EQ(error_of([&] { parse_address(text, "--join"); }),
              std::string("--join = ") + text + ": expected HOST:PORT, such as 127.0.0.1:7433");
}

TEST(SocketAddressTest, LoopbackIsSeenAsLoopback) {
  EXPECT_TRUE(is_loopback("127.0.0.1"));
  EXPECT_TRUE(is_loopback("localhost"));
  EXPECT_FALSE(is_loopback("10.0.0.1"));
  EXPECT_EQ(own_address_towards("127.0.0.1"), "127.0.0.1");
}

TEST(SocketAddressTest, AListeningSocketHasAPortOfItsOwn) {
  uint16_t a = 0, b = 0;
  const int first = listening_socket("127.0.0.1", a), second = listening_socket("127.0.0.1", b);
  EXPECT_NE(a, 0);
  EXPECT_NE(a, b);
  close(first);
  close(second);
}

TEST(SocketAddressTest, WhoListensAnswersAndWhoHasStoppedDoesNot) {
  uint16_t port = 0;
  const int socket = listening_socket("127.0.0.1", port);
  { const AnsweredCall call("127.0.0.1", port, std::chrono::seconds(5)); }
  close(socket);
  EXPECT_EQ(error_of([&] { AnsweredCall("127.0.0.1", port, std::chrono::seconds(5)); }),
            "no cluster answers at 127.0.0.1:" + std::to_string(port) + ": Connection refused");
}

TEST(SocketAddressTest, AnAddressThatIsNotOursCannotBeListenedOn) {
  uint16_t port = 0;
  EXPECT_NE(error_of([&] { listening_socket("192.0.2.1", port); }).find("192.0.2.1"),
            std::string::npos);
}

}  // namespace
}  // namespace troupe
