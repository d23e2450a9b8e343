#include "actors/launch/launched_cluster.h"

#include <spdlog/spdlog.h>
#include <unistd.h>

#include <caf/io/middleman.hpp>
#include <filesystem>

#include "actors/cluster/child_process.h"
#include "actors/cluster/log.h"
#include "base/error.h"

namespace troupe {
namespace {

namespace fs = std::filesystem;

std::chrono::milliseconds milliseconds(double seconds) {
  return std::chrono::milliseconds(static_cast<int64_t>(seconds * 1000));
}

ManagerLimits limits_of(ClusterConfig::Reader config) {
  ManagerLimits limits;
  limits.heartbeat_interval = milliseconds(config.getHeartbeatIntervalSeconds());
  limits.heartbeat_limit = milliseconds(config.getHeartbeatLimitSeconds());
  limits.join_limit = milliseconds(config.getJoinLimitSeconds());
  limits.runs_stop_limit = milliseconds(config.getStopLimitSeconds());
  limits.max_restarts = config.getMaxRestarts();
  limits.restart_window = milliseconds(config.getRestartWindowSeconds());
  limits.default_slots = config.getSlots();
  return limits;
}

// For the shell at the far end of ssh.
std::string quoted(const std::string& word) {
  std::string out = "'";
  for (char c : word) out += c == '\'' ? std::string("'\\''") : std::string(1, c);
  return out + "'";
}

std::vector<std::string> ssh_command(ClusterConfig::Node::Reader node,
                                     const std::vector<std::string>& words) {
  const std::string folder = node.getWorkingDir().cStr();
  std::string remote = folder.empty() ? "" : "cd " + quoted(folder) + " && ";
  remote += "exec";
  for (const auto& word : words) remote += " " + quoted(word);
  return {"/usr/bin/env",
          "ssh",
          "-o",
          "BatchMode=yes",
          "-o",
          "ConnectTimeout=10",
          "-o",
          "ServerAliveInterval=15",
          node.getHost().cStr(),
          remote};
}

}  // namespace

LaunchedCluster::LaunchedCluster(const Config& config, std::string folder,
                                 std::function<void(const std::string&)> report)
    : config_(config.as<ClusterConfig>()),
      folder_(fs::canonical(folder).string()),
      report_(std::move(report)),
      secret_file_(config_.getSecretFile().cStr()),
      address_(parse_address(config_.getListen().cStr(), "listen", true)) {
  if (secret_file_.empty()) secret_file_ = folder_ + "/secret";
  secret_file_ = fs::absolute(secret_file_).string();
  secret_ = fs::exists(secret_file_) ? secret_of("secret_file", secret_file_)
                                     : write_secret(secret_file_);
  if (address_.host == "0.0.0.0")
    throw UsageError("listen = " + address_.text() +
                     ": expected the one address at which the others reach this host");
  fs::create_directories(folder_ + "/logs");
  log_to_file(folder_ + "/logs/launcher.log");
  manager_ = system_.spawn<caf::detached>(manager, manager_config());
  open_door();
  signals_.listen([this](int signal) { caf::anon_send(manager_, StopCluster{signal}); });
}

LaunchedCluster::~LaunchedCluster() {
  signals_.stop_listening();
  system_.middleman().unpublish(door_, address_.port);
  end_actor(system_, caf::actor_cast<caf::strong_actor_ptr>(manager_));
  end_actor(system_, caf::actor_cast<caf::strong_actor_ptr>(door_));
}

void LaunchedCluster::open_door() {
  auto admit = [this](const std::string&) -> caf::result<Welcome> {
    return Welcome{.supervisor = caf::actor_cast<caf::strong_actor_ptr>(manager_)};
  };
  door_ = system_.spawn(door, DoorConfig{.secret = secret_, .admit = admit});
  const auto port = system_.middleman().publish(door_, address_.port, address_.host.c_str());
  if (!port)
    throw UsageError("listen = " + address_.text() + ": cannot be listened on (" +
                     system_.render(port.error()) +
                     ")\n  another cluster may listen there: give another port");
  address_.port = *port;
}

ManagerConfig LaunchedCluster::manager_config() {
  ManagerConfig config{.limits = limits_of(config_)};
  std::map<std::string, ClusterConfig::Node::Reader> nodes;
  for (auto node : config_.getNodes()) {
    const bool is_ours = node.getStart() != ClusterConfig::Start::BY_ITSELF;
    config.members.push_back({node.getName().cStr(), node.getSlots(), is_ours});
    nodes.emplace(node.getName().cStr(), node);
  }
  config.start = [this, nodes](const std::string& member, Process::OnExit on_exit) {
    return start_member(nodes.at(member), std::move(on_exit));
  };
  config.report = [this](const std::string& line) { report(line); };
  config.ended = [this](const std::string& failure) { ended_.set_value(failure); };
  return config;
}

std::unique_ptr<Process> LaunchedCluster::start_member(ClusterConfig::Node::Reader node,
                                                       Process::OnExit on_exit) {
  const bool by_ssh = node.getStart() == ClusterConfig::Start::SSH;
  const std::string name = node.getName().cStr(), their_secret = node.getSecretFile().cStr();
  std::vector<std::string> words = {by_ssh ? std::string(node.getProgram().cStr()) : own_program(),
                                    "node",
                                    "--join",
                                    address_.text(),
                                    "--name",
                                    name,
                                    "--secret-file",
                                    by_ssh && !their_secret.empty() ? their_secret : secret_file_};
  if (by_ssh)
    words = ssh_command(node, words);
  else
    words.insert(words.end(),
                 {"--runtime-dir", runtime_folder_.path(), "--parent", std::to_string(getpid())});
  return std::make_unique<ChildProcess>(std::move(words), folder_ + "/logs/" + name + ".log",
                                        std::move(on_exit));
}

void LaunchedCluster::start_members() {
  caf::anon_send(manager_, StartMembers{});
}

std::string LaunchedCluster::wait() {
  return ended_.get_future().get();
}

void LaunchedCluster::report(const std::string& line) const {
  spdlog::info("{}", line);
  report_(line);
}

}  // namespace troupe
