// Addresses of hosts and ports, as people and schedulers give them.
#pragma once

#include <chrono>
#include <cstdint>
#include <string>

namespace troupe {

struct SocketAddress {
  std::string host;  // a name or an IPv4 address
  uint16_t port = 0;

  std::string text() const { return host + ":" + std::to_string(port); }
};

// "node-7:7433". Throws UsageError that begins with `what`; port 0 only where `any_port`.
SocketAddress parse_address(const std::string& text, const std::string& what,
                            bool any_port = false);

bool is_loopback(const std::string& host);  // 127.x.y.z or localhost

// This host's address on the way to `host`, as that host sees it. Throws if there is no way.
std::string own_address_towards(const std::string& host);

// A TCP connection to host:port. Throws if nobody has answered after `limit`; hangs up at its end.
class AnsweredCall {
 public:
  AnsweredCall(const std::string& host, uint16_t port, std::chrono::milliseconds limit);
  ~AnsweredCall();
  AnsweredCall(const AnsweredCall&) = delete;
  AnsweredCall& operator=(const AnsweredCall&) = delete;

 private:
  int socket_ = -1;
};

// A TCP socket that listens on `address` at a port that the system picks, written to `port`. Closed
// when this process starts others, unless they are to inherit it. Throws.
int listening_socket(const std::string& address, uint16_t& port);

}  // namespace troupe
