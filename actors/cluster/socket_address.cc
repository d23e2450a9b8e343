#include "actors/cluster/socket_address.h"

#include <arpa/inet.h>
#include <netdb.h>
#include <poll.h>
#include <unistd.h>

#include <cerrno>
#include <charconv>
#include <cstring>

#include "base/error.h"

namespace troupe {
namespace {

constexpr uint16_t kAnyPort = 9;  // a UDP socket sends nothing until it is told to
constexpr int kBacklog = 64;

sockaddr_in ipv4_address(const std::string& host, uint16_t port) {
  addrinfo hints = {}, *found = nullptr;
  hints.ai_family = AF_INET;
  const int error = getaddrinfo(host.c_str(), nullptr, &hints, &found);
  if (error != 0) throw Error("host " + host + " is not known here: " + gai_strerror(error));
  sockaddr_in address = {};
  std::memcpy(&address, found->ai_addr, sizeof(address));
  freeaddrinfo(found);
  address.sin_port = htons(port);
  return address;
}

sockaddr* generic(sockaddr_in& address) {
  return reinterpret_cast<sockaddr*>(&address);
}

sockaddr_in own_address(int socket) {
  sockaddr_in own = {};
  socklen_t size = sizeof(own);
  getsockname(socket, generic(own), &size);
  return own;
}

}  // namespace

SocketAddress parse_address(const std::string& text, const std::string& what, bool any_port) {
  const auto colon = text.rfind(':');
  SocketAddress address;
  if (colon != std::string::npos) {
    address.host = text.substr(0, colon);
    const auto* end = text.data() + text.size();
    const auto [parsed, error] = std::from_chars(text.data() + colon + 1, end, address.port);
    if (error == std::errc() && parsed == end && !address.host.empty() &&
        (address.port > 0 || any_port))
      return address;
  }
  throw UsageError(what + " = " + text + ": expected HOST:PORT, such as 127.0.0.1:7433");
}

bool is_loopback(const std::string& host) {
  return host == "localhost" || host.starts_with("127.");
}

std::string own_address_towards(const std::string& host) {
  auto there = ipv4_address(host, kAnyPort);
  const int socket = ::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  const bool reached = connect(socket, generic(there), sizeof(there)) == 0;
  const std::string reason = std::strerror(errno);
  const auto own = own_address(socket);
  close(socket);
  if (!reached) throw Error("there is no way to host " + host + ": " + reason);
  char text[INET_ADDRSTRLEN] = {};
  inet_ntop(AF_INET, &own.sin_addr, text, sizeof(text));
  return text;
}

AnsweredCall::AnsweredCall(const std::string& host, uint16_t port, std::chrono::milliseconds limit)
    : socket_(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0)) {
  auto there = ipv4_address(host, port);
  int error = connect(socket_, generic(there), sizeof(there)) == 0 ? 0 : errno;
  if (error == EINPROGRESS) {
    pollfd waiting = {.fd = socket_, .events = POLLOUT, .revents = 0};
    socklen_t size = sizeof(error);
    const bool answered = poll(&waiting, 1, static_cast<int>(limit.count())) > 0;
    if (!answered || getsockopt(socket_, SOL_SOCKET, SO_ERROR, &error, &size) != 0)
      error = ETIMEDOUT;
  }
  if (error == 0) return;
  close(socket_);
  throw Error("no cluster answers at " + SocketAddress{host, port}.text() + ": " +
              std::strerror(error));
}

AnsweredCall::~AnsweredCall() {
  close(socket_);
}

int listening_socket(const std::string& address, uint16_t& port) {
  auto here = ipv4_address(address, 0);
  const int socket = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  const bool listens =
      bind(socket, generic(here), sizeof(here)) == 0 && listen(socket, kBacklog) == 0;
  const std::string reason = std::strerror(errno);
  port = ntohs(own_address(socket).sin_port);
  if (listens) return socket;
  close(socket);
  throw Error("cannot listen on " + address + ": " + reason);
}

}  // namespace troupe
