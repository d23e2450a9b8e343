#include "actors/cluster/cluster.h"

#include <spdlog/spdlog.h>

#include <algorithm>
#include <caf/io/middleman.hpp>
#include <filesystem>
#include <iostream>
#include <sstream>

#include "actors/cluster/log.h"
#include "base/wall_time.h"
#include "storage/fingerprint.h"
#include "storage/journal/failure.h"

namespace troupe {
namespace {

constexpr int64_t kReportedLines = 7;  // with its log's end; the app adds how to go on
constexpr auto kFindLimit = std::chrono::seconds(10);

bool has_launcher(const ClusterPlan& plan) {
  return std::ranges::any_of(plan.nodes, [](const auto& x) { return x.name == kLauncherNode; });
}

// The plan with a launcher node, and with an endpoint for every node that has none.
ClusterPlan completed(ClusterPlan plan, const std::string& runtime_dir) {
  if (!has_launcher(plan)) plan.nodes.push_back({.name = kLauncherNode});
  for (auto& node : plan.nodes)
    if (node.endpoint.empty()) node.endpoint = "ipc://" + runtime_dir + "/" + node.name + ".zmq";
  plan.check();
  return plan;
}

std::string failure_text(const NodeFailure& failure, const std::string& log_file) {
  std::ostringstream out;
  out << "troupe: error: node " << failure.node;
  if (failure.pid != 0) out << " (pid " << failure.pid << ")";
  out << " " << failure.what << "\n";
  const auto left = kReportedLines - 2 - std::ranges::count(failure.what, '\n');
  const auto lines = last_lines(log_file, static_cast<size_t>(std::max<int64_t>(left, 0)));
  out << "  its log" << (lines.empty() ? " is " : " ends so, ") << log_file << "\n";
  for (const auto& line : lines) out << "  | " << line << "\n";
  return out.str();
}

}  // namespace

Cluster::Cluster(ClusterOptions options)
    : options_(std::move(options)),
      own_processes_(runtime_folder_.path() + "/secret", options_.node_command),
      processes_(options_.processes != nullptr ? *options_.processes : own_processes_) {
  if (options_.one_process) options_.plan = options_.plan.in_one_process();
  options_.plan = completed(options_.plan, runtime_folder_.path());
  std::filesystem::create_directories(options_.run_dir + "/logs");
  options_.run_dir = std::filesystem::canonical(options_.run_dir);
  shelve_failure(options_.run_dir);
  log_to_file(log_file(kLauncherNode));
  directory_ = system_.spawn(directory);
  supervisor_ = system_.spawn<caf::detached>(supervisor, supervisor_config());
  door_ =
      system_.spawn(door, door_of_run(processes_.secret(), settings(), directory_, supervisor_));
  signals_.listen([this](int signal) { caf::anon_send(supervisor_, StopRun{signal}); });
}

std::unique_ptr<Cluster> Cluster::start(ClusterOptions options) {
  std::unique_ptr<Cluster> cluster(new Cluster(std::move(options)));
  auto port = cluster->system_.middleman().publish(cluster->door_, 0,
                                                   cluster->processes_.address().c_str());
  auto reason = port ? "" : to_string(port.error());
  CHECK(port, reason);
  cluster->port_ = *port;
  caf::anon_send(cluster->directory_, Announce{"supervisor", as_pointer(cluster->supervisor_)});
  caf::anon_send(cluster->supervisor_, StartNodes{});
  cluster->host_ =
      std::make_unique<NodeHost>(cluster->system_, kLauncherNode,
                                 Joined{cluster->settings(), cluster->directory_,
                                        cluster->supervisor_, cluster->processes_.secret()});
  cluster->host_->start_actors(cluster->options_.factories);
  cluster->started_.get_future().wait();
  return cluster;
}

Cluster::~Cluster() {
  stop();
  wait();
  if (host_) {
    caf::anon_send(host_->node(), Shutdown{});
    host_->wait();
  }
  signals_.stop_listening();
  end_actors();
  system_.middleman().unpublish(door_, port_);
}

void Cluster::end_actors() {
  for (const auto& actor : {as_pointer(supervisor_), as_pointer(door_), as_pointer(directory_)})
    if (!end_actor(system_, actor)) spdlog::error("an actor does not end");
}

RunOutcome Cluster::wait() {
  return outcome_.get();
}

bool Cluster::ended(std::chrono::seconds limit) const {
  return outcome_.wait_for(limit) == std::future_status::ready;
}

void Cluster::stop(const std::string& why) {
  caf::anon_send(supervisor_, RunEnded{why});
}

caf::strong_actor_ptr Cluster::find_pointer(const std::string& address) {
  caf::scoped_actor self(system_);
  caf::strong_actor_ptr actor;
  std::string error;
  self->request(directory_, kFindLimit, Find{without_node(address)})
      .receive([&](const Found& found) { actor = found.actor; },
               [&](const caf::error& e) { error = text_of(e); });
  CHECK(error.empty(), error);
  return actor;
}

NodeSettings Cluster::settings() const {
  return {.plan = options_.plan,
          .run_dir = options_.run_dir,
          .runtime_dir = runtime_folder_.path(),
          .heartbeat_interval_ms = options_.limits.heartbeat_interval.count(),
          .heartbeat_limit_ms = options_.limits.heartbeat_limit.count(),
          .trace_interval_ms = options_.trace_interval.count(),
          .model = options_.model,
          .model_fingerprint = options_.model.empty() ? "" : fingerprint(options_.model)};
}

SupervisorConfig Cluster::supervisor_config() {
  SupervisorConfig config{.limits = options_.limits};
  for (const auto& node : options_.plan.nodes) config.nodes.push_back(node.name);
  config.start = [this](const std::string& node, Process::OnExit on_exit) {
    return start_process(node, std::move(on_exit));
  };
  config.report = [this](const NodeFailure& failure) { report(failure); };
  config.ready = [this] { started(); };
  config.ended = [this](const RunOutcome& outcome) {
    ended_.set_value(outcome);
    started();
  };
  return config;
}

std::unique_ptr<Process> Cluster::start_process(const std::string& node, Process::OnExit on_exit) {
  if (node == kLauncherNode) return nullptr;
  const NodeCommand command = {.node = node,
                               .join = processes_.address() + ":" + std::to_string(port_),
                               .run_dir = options_.run_dir,
                               .log_file = log_file(node)};
  auto process = processes_.start(command, std::move(on_exit));
  spdlog::info("node {} is started as pid {}", node, process->pid());
  return process;
}

std::string Cluster::log_file(const std::string& node) const {
  return options_.run_dir + "/logs/" + node + ".log";
}

void Cluster::report(const NodeFailure& failure) const {
  auto text = failure_text(failure, log_file(failure.node));
  spdlog::error("node {} {}", failure.node, failure.what);
  note(failure);
  if (options_.report)
    options_.report(text);
  else
    std::cerr << text << std::flush;
}

// A disk that is full must not hide the failure itself.
void Cluster::note(const NodeFailure& failure) const try {
  note_failure(options_.run_dir, {failure.node, failure.pid, failure.what, wall_time_now_ns(),
                                  last_lines(log_file(failure.node), kReportedLines)});
} catch (const std::exception& e) {
  spdlog::error("the failure is not noted: {}", e.what());
}

void Cluster::started() {
  std::call_once(started_once_, [this] { started_.set_value(); });
}

}  // namespace troupe
