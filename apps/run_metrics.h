// What Prometheus gets to see of a run: the last line of metrics of each phase, and its actors as
// their journals have them.
#pragma once

#include <prometheus/collectable.h>
#include <prometheus/metric_family.h>

#include <map>
#include <mutex>
#include <string>
#include <vector>

#include "actors/messages.h"
#include "storage/inspect/topology.h"

namespace troupe {

// "actor/pg_loss" -> "troupe_actor_pg_loss".
std::string prometheus_name(const std::string& metric);

// Mailbox, messages and busy seconds of every actor that runs; none where actors are not traced.
std::vector<prometheus::MetricFamily> actor_families(const Topology& topology);

class RunMetrics : public prometheus::Collectable {
 public:
  void add(const StepMetrics& step);
  void set_run_dir(const std::string& run_dir);  // from here on its actors are shown
  std::vector<prometheus::MetricFamily> Collect() const override;

 private:
  mutable std::mutex mutex_;
  std::string run_dir_;
  std::map<std::string, std::map<std::string, double>> values_;  // by name, then phase
};

}  // namespace troupe
