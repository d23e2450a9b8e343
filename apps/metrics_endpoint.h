// trainer.prometheus_address: a run's metrics over HTTP, in Prometheus' text format, while it goes
// on.
#pragma once

#include <memory>
#include <string>

#include "apps/run_metrics.h"

namespace prometheus {
class Exposer;
}

namespace troupe {

class MetricsEndpoint {
 public:
  // Listens at "ADDRESS:PORT" (port 0: any that is free), or nowhere if that is empty. Throws
  // UsageError that names key, address and reason if it cannot.
  explicit MetricsEndpoint(const std::string& address);
  ~MetricsEndpoint();

  std::string url() const { return url_; }  // empty: nowhere
  RunMetrics& metrics() { return *metrics_; }

 private:
  std::shared_ptr<RunMetrics> metrics_ = std::make_shared<RunMetrics>();
  std::unique_ptr<prometheus::Exposer> exposer_;
  std::string url_;
};

}  // namespace troupe
