#include "apps/run_metrics.h"

#include <algorithm>
#include <cctype>
#include <nlohmann/json.hpp>

#include "base/error.h"

namespace troupe {
namespace {

using nlohmann::json;
using prometheus::ClientMetric;
using prometheus::MetricFamily;
using prometheus::MetricType;

void add_value(MetricFamily& family, std::vector<ClientMetric::Label> labels, double value) {
  ClientMetric metric;
  metric.label = std::move(labels);
  (family.type == MetricType::Counter ? metric.counter.value : metric.gauge.value) = value;
  family.metric.push_back(std::move(metric));
}

std::map<std::string, double> busy_seconds(const Topology& topology) {
  std::map<std::string, double> seconds;
  for (const auto& edge : topology.edges) seconds[edge.to] += edge.total_ms / 1e3;
  return seconds;
}

// Nothing while no node has written its journal yet.
std::vector<MetricFamily> actors_of(const std::string& run_dir) {
  try {
    return actor_families(read_topology(run_dir));
  } catch (const Error&) {
    return {};
  }
}

}  // namespace

std::string prometheus_name(const std::string& metric) {
  std::string name = "troupe_" + metric;
  std::ranges::replace_if(
      name, [](unsigned char c) { return !std::isalnum(c); }, '_');
  return name;
}

std::vector<MetricFamily> actor_families(const Topology& topology) {
  if (topology.edges.empty()) return {};
  MetricFamily depth{"troupe_mailbox_depth", "messages that wait for an actor", MetricType::Gauge};
  MetricFamily handled{"troupe_handled_messages_total", "messages that an actor has handled",
                       MetricType::Counter};
  MetricFamily busy{"troupe_busy_seconds_total", "time that an actor has spent in handlers",
                    MetricType::Counter};
  auto seconds = busy_seconds(topology);
  for (const auto& actor : topology.actors) {
    if (actor.state != "running") continue;
    const std::vector<ClientMetric::Label> labels = {
        {"address", actor.address}, {"kind", actor.kind}, {"node", actor.node}};
    add_value(depth, labels, static_cast<double>(actor.mailbox_depth));
    add_value(handled, labels, static_cast<double>(actor.handled));
    add_value(busy, labels, seconds[actor.address]);
  }
  return {depth, handled, busy};
}

void RunMetrics::add(const StepMetrics& step) {
  const auto metrics = json::parse(step.metrics);
  const std::string phase = metrics.at("phase");
  std::lock_guard lock(mutex_);
  values_["total_steps"][phase] = static_cast<double>(step.total_steps);
  for (const auto& [name, value] : metrics.items())
    if (value.is_number()) values_[name][phase] = value.get<double>();
}

void RunMetrics::set_run_dir(const std::string& run_dir) {
  std::lock_guard lock(mutex_);
  run_dir_ = run_dir;
}

std::vector<MetricFamily> RunMetrics::Collect() const {
  std::unique_lock lock(mutex_);
  const auto values = values_;
  const auto run_dir = run_dir_;
  lock.unlock();
  auto families = run_dir.empty() ? std::vector<MetricFamily>() : actors_of(run_dir);
  for (const auto& [name, phases] : values) {
    MetricFamily family{prometheus_name(name), name + " of the last step", MetricType::Gauge};
    for (const auto& [phase, value] : phases) add_value(family, {{"phase", phase}}, value);
    families.push_back(std::move(family));
  }
  return families;
}

}  // namespace troupe
