#include "actors/cluster/cluster_watch.h"

#include <algorithm>
#include <utility>

#include "base/duration_text.h"
#include "base/wall_time.h"

namespace troupe {
namespace {

std::string utc_time(std::chrono::system_clock::time_point time) {
  return utc_text(std::chrono::nanoseconds(time.time_since_epoch()).count(), "%H:%M:%S UTC");
}

}  // namespace

ClusterWatch::ClusterWatch(const std::vector<std::string>& nodes, ClusterLimits limits, Time now)
    : limits_(limits), last_tick_(now) {
  for (const auto& name : nodes) nodes_[name].last_heard = now;
}

void ClusterWatch::heard_from(const std::string& name, Time now) {
  auto& node = nodes_[name];
  node.heard = true;
  node.last_heard = now;
  node.last_heard_wall = std::chrono::system_clock::now();
}

void ClusterWatch::ready(const std::string& name) {
  nodes_[name].ready = true;
}

bool ClusterWatch::all_ready() const {
  return std::ranges::all_of(nodes_, [](const auto& x) { return x.second.ready; });
}

void ClusterWatch::stop(Time now) {
  if (!stopping_since_) stopping_since_ = now;
}

bool ClusterWatch::all_ended() const {
  return std::ranges::all_of(nodes_, [](const auto& x) { return x.second.ended; });
}

std::optional<NodeFailure> ClusterWatch::process_exited(const std::string& name,
                                                        const ExitStatus& status) {
  auto& node = nodes_[name];
  if (std::exchange(node.ended, true)) return std::nullopt;
  if (stopping_since_ && status.ok()) return std::nullopt;
  return NodeFailure{name, to_string(status) + (stopping_since_ ? " while it was to stop" : "")};
}

std::optional<NodeFailure> ClusterWatch::link_lost(const std::string& name) {
  if (stopping_since_ || nodes_[name].ended) return std::nullopt;
  return NodeFailure{name, "lost its connection to the launcher"};
}

void ClusterWatch::left(const std::string& name) {
  nodes_[name].ended = true;
}

std::optional<NodeFailure> ClusterWatch::tick(Time now) {
  bool was_stopped = now - last_tick_ > limits_.heartbeat_limit / 2;
  last_tick_ = now;
  if (was_stopped)
    for (auto& [name, node] : nodes_) node.last_heard = now;
  for (const auto& [name, node] : nodes_)
    if (auto failure = overdue(name, node, now)) return failure;
  return std::nullopt;
}

std::optional<NodeFailure> ClusterWatch::overdue(const std::string& name, const Node& node,
                                                 Time now) const {
  if (node.ended) return std::nullopt;
  auto silence = now - node.last_heard;
  if (stopping_since_ && now - *stopping_since_ > limits_.stop_limit)
    return NodeFailure{name, "has not stopped within " + seconds_text(limits_.stop_limit)};
  if (!node.heard && silence > limits_.join_limit)
    return NodeFailure{name, "has not joined within " + seconds_text(limits_.join_limit)};
  if (node.heard && silence > limits_.heartbeat_limit)
    return NodeFailure{name, "silent since " + utc_time(node.last_heard_wall) + " (" +
                                 seconds_text(silence) + "; the limit is " +
                                 seconds_text(limits_.heartbeat_limit) + ")"};
  return std::nullopt;
}

}  // namespace troupe
