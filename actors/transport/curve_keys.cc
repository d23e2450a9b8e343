#include "actors/transport/curve_keys.h"

#include <array>

#include "base/error.h"
#include "base/hmac.h"

namespace troupe {
namespace {

constexpr size_t kKeyBytes = 32;
constexpr size_t kKeyText = 41;  // Z85, with its end

std::array<uint8_t, kKeyBytes> bytes_of(const std::string& hex) {
  std::array<uint8_t, kKeyBytes> bytes{};
  for (size_t i = 0; i < kKeyBytes; ++i)
    bytes[i] = static_cast<uint8_t>(std::stoi(hex.substr(2 * i, 2), nullptr, 16));
  return bytes;
}

}  // namespace

CurveKeys curve_keys(const std::string& cluster_secret) {
  const auto bytes = bytes_of(hmac_sha256(cluster_secret, "troupe tensors between hosts"));
  std::array<char, kKeyText> secret_key{}, public_key{};
  zmq_z85_encode(secret_key.data(), bytes.data(), bytes.size());
  const bool has_curve = zmq_curve_public(public_key.data(), secret_key.data()) == 0;
  CHECK(has_curve);
  return {public_key.data(), secret_key.data()};
}

void listen_encrypted(zmq::socket_t& socket, const CurveKeys& keys) {
  socket.set(zmq::sockopt::curve_server, true);
  socket.set(zmq::sockopt::curve_secretkey, keys.secret_key);
}

void dial_encrypted(zmq::socket_t& socket, const CurveKeys& keys) {
  socket.set(zmq::sockopt::curve_serverkey, keys.public_key);
  socket.set(zmq::sockopt::curve_publickey, keys.public_key);
  socket.set(zmq::sockopt::curve_secretkey, keys.secret_key);
}

}  // namespace troupe
