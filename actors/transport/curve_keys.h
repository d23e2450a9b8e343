// The keys under which tensors travel between hosts: whoever knows the cluster's secret can work
// them out, and nobody else can so much as greet a socket that uses them (ZeroMQ's CURVE).
#pragma once

#include <string>
#include <zmq.hpp>

namespace troupe {

struct CurveKeys {
  std::string public_key, secret_key;  // Z85, 40 characters each
};

// Both ends of a link use the same pair. Throws if ZeroMQ was built without CURVE.
CurveKeys curve_keys(const std::string& cluster_secret);

void listen_encrypted(zmq::socket_t& socket, const CurveKeys& keys);
void dial_encrypted(zmq::socket_t& socket, const CurveKeys& keys);

}  // namespace troupe
