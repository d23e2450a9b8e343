#include "actors/cluster/node_process.h"

#include <spdlog/spdlog.h>
#include <sys/prctl.h>
#include <unistd.h>

#include <csignal>
#include <cstdlib>
#include <iostream>

#include "actors/cluster/log.h"
#include "actors/cluster/socket_address.h"
#include "base/error.h"

namespace troupe {
namespace {

bool join_and_serve(const NodeOptions& options, const ActorFactories& factories) {
  const auto launcher = parse_address(options.join, "--join");
  auto secret = read_secret(options.secret_file);
  static SystemConfig config;  // outlives every thread: the process ends without unwinding them
  static caf::actor_system system(config.with_network());
  spdlog::info("node {} (pid {}) joins {}", options.name, getpid(), options.join);
  auto joined = join(system, launcher.host, launcher.port, options.name, secret);
  joined.data_socket = options.data_socket;
  joined.settings.shares_its_host = !options.runtime_dir.empty();
  if (joined.settings.shares_its_host) joined.settings.runtime_dir = options.runtime_dir;
  static NodeHost node(system, options.name, joined);
  node.start_actors(factories);
  return node.wait();
}

}  // namespace

// The kernel's word goes out when the thread that started us ends; it may have done so before we
// asked, hence the second look.
void die_with(pid_t parent) {
  prctl(PR_SET_PDEATHSIG, SIGKILL);
  if (getppid() != parent) std::_Exit(1);
}

void check_node_options(const NodeOptions& options) {
  parse_address(options.join, "--join");
  secret_of("--secret-file", options.secret_file);
}

void run_node(const NodeOptions& options, const ActorFactories& factories) {
  bool left_in_order = false;
  try {
    if (options.parent != 0) die_with(options.parent);
    std::signal(SIGINT, SIG_IGN);  // Ctrl-C reaches the launcher too, which then tells us
    if (options.log_file.empty())
      log_to_standard_output();
    else
      log_to_file(options.log_file);
    left_in_order = join_and_serve(options, factories);
  } catch (const std::exception& e) {
    spdlog::error("{}", e.what());
    if (options.parent == 0)  // somebody started us by hand
      std::cerr << "troupe: error: node " << options.name << ": " << e.what() << std::endl;
  }
  spdlog::info("node {} ends", options.name);
  spdlog::shutdown();
  std::_Exit(left_in_order ? 0 : 1);
}

}  // namespace troupe
