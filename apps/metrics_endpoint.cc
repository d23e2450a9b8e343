#include "apps/metrics_endpoint.h"

#include <arpa/inet.h>
#include <prometheus/exposer.h>
#include <sys/socket.h>

#include <cerrno>
#include <cstring>

#include "actors/cluster/stop_signals.h"
#include "base/error.h"
#include "storage/file.h"

namespace troupe {
namespace {

// The web server says only that it failed: what the system says of listening there.
std::string reason_against(const std::string& host, const std::string& port) {
  sockaddr_in address = {};
  address.sin_family = AF_INET;
  address.sin_port = htons(static_cast<uint16_t>(std::stoi(port)));
  inet_pton(AF_INET, host.c_str(), &address.sin_addr);
  const FileDescriptor probe(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  const int on = 1;
  setsockopt(probe.get(), SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
  const bool bound =
      bind(probe.get(), reinterpret_cast<const sockaddr*>(&address), sizeof(address)) == 0;
  return bound ? "the web server did not start" : std::strerror(errno);
}

}  // namespace

MetricsEndpoint::MetricsEndpoint(const std::string& address) {
  if (address.empty()) return;
  const auto colon = address.find(':');
  const auto host = address.substr(0, colon);
  const StopSignals blocked;  // the server's threads leave these signals to the run
  try {
    exposer_ = std::make_unique<prometheus::Exposer>(address);
  } catch (const std::exception&) {
    throw UsageError("trainer.prometheus_address = " + address +
                     ": cannot listen there: " + reason_against(host, address.substr(colon + 1)) +
                     "\n  give another with --set trainer.prometheus_address=ADDRESS:PORT; port 0 "
                     "is any that is free");
  }
  exposer_->RegisterCollectable(metrics_);
  url_ = "http://" + host + ":" + std::to_string(exposer_->GetListeningPorts().at(0)) + "/metrics";
}

MetricsEndpoint::~MetricsEndpoint() = default;

}  // namespace troupe
