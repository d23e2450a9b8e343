#include "actors/launch/member_process.h"

#include <spdlog/spdlog.h>
#include <unistd.h>

#include <csignal>
#include <cstdlib>
#include <iostream>
#include <optional>

#include "actors/cluster/child_process.h"
#include "actors/cluster/join.h"
#include "actors/cluster/local_processes.h"
#include "actors/cluster/log.h"
#include "actors/cluster/node_process.h"
#include "actors/cluster/runtime_folder.h"
#include "actors/cluster/socket_address.h"
#include "actors/cluster/stop_signals.h"
#include "actors/launch/member.h"
#include "actors/trace/system_config.h"
#include "base/host_name.h"

namespace troupe {
namespace {

std::unique_ptr<Process> start_node(const MemberOptions& options, const std::string& runtime_dir,
                                    const StartNode& node, int data_socket,
                                    Process::OnExit on_exit) {
  const NodeCommand command = {
      .node = node.node, .join = node.join, .run_dir = node.run_dir, .log_file = node.log_file};
  std::vector<std::string> words = {own_program(), "node"};
  for (auto& word : node_arguments(command, options.secret_file)) words.push_back(std::move(word));
  words.insert(words.end(), {"--runtime-dir", runtime_dir});
  if (data_socket >= 0) words.insert(words.end(), {"--data-socket", std::to_string(data_socket)});
  return std::make_unique<ChildProcess>(std::move(words), node.log_file, std::move(on_exit),
                                        data_socket);
}

MemberConfig member_config(const MemberOptions& options, const SocketAddress& cluster,
                           const std::string& runtime_dir) {
  MemberConfig config;
  config.self = {
      .member = options.name,
      .host = host_name(),
      .address = options.address.empty() ? own_address_towards(cluster.host) : options.address,
      .pid = getpid(),
      .slots = options.slots};
  config.start = [=](const StartNode& node, int data_socket, Process::OnExit on_exit) {
    return start_node(options, runtime_dir, node, data_socket, std::move(on_exit));
  };
  config.log = [](const std::string& line) { spdlog::info("{}", line); };
  return config;
}

// Until the member's actor ends; throws with its reason if that is an error.
void be_member(const MemberOptions& options, StopSignals* signals) {
  const auto cluster = parse_address(options.join, "--join");
  const auto secret = read_secret(options.secret_file);
  static std::optional<RuntimeFolder> own_folder;
  if (options.runtime_dir.empty()) own_folder.emplace();
  const auto runtime_dir = own_folder ? own_folder->path() : options.runtime_dir;
  static SystemConfig config;  // outlives every thread: the process ends without unwinding them
  static caf::actor_system system(config.with_network());
  auto made = member_config(options, cluster, runtime_dir);
  made.manager = caf::actor_cast<MembersManager>(
      enter(system, cluster.host, cluster.port, options.name, secret).supervisor);
  const auto actor = system.spawn(member, std::move(made));
  if (signals != nullptr) signals->listen([actor](int) { caf::anon_send(actor, LeaveCluster{}); });
  spdlog::info("node {} (pid {}) has joined {}", options.name, getpid(), cluster.text());
  caf::scoped_actor self(system);
  self->monitor(actor);
  caf::error reason;
  self->receive([&](const caf::down_msg& down) { reason = down.reason; });
  own_folder.reset();
  if (!reason) return;
  const bool is_gone = reason == caf::exit_reason::remote_link_unreachable;
  throw Error(is_gone ? "the cluster at " + cluster.text() + " is gone" : text_of(reason));
}

}  // namespace

void check_member_options(const MemberOptions& options) {
  check_node_options({.join = options.join, .secret_file = options.secret_file});
}

void run_member(const MemberOptions& options) {
  int status = 0;
  std::optional<StopSignals> signals;
  try {
    if (options.parent != 0) {
      die_with(options.parent);
      std::signal(SIGINT, SIG_IGN);  // Ctrl-C reaches the launcher too, which then tells us
    } else {
      signals.emplace();
    }
    if (options.log_file.empty())
      log_to_standard_output();
    else
      log_to_file(options.log_file);
    be_member(options, signals ? &*signals : nullptr);
  } catch (const std::exception& e) {
    status = 1;
    spdlog::error("{}", e.what());
    if (options.parent == 0)  // somebody started us by hand
      std::cerr << "troupe: error: node " << options.name << ": " << e.what() << std::endl;
  }
  spdlog::info("node {} ends", options.name);
  spdlog::shutdown();
  std::_Exit(status);
}

}  // namespace troupe
