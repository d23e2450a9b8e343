#include "actors/cluster/node_process.h"

#include <spdlog/spdlog.h>
#include <sys/prctl.h>
#include <unistd.h>

#include <algorithm>
#include <charconv>
#include <csignal>
#include <cstdlib>
#include <iostream>

#include "actors/cluster/log.h"
#include "base/error.h"

namespace troupe {
namespace {

// The kernel's word goes out when the thread that started us ends; it may have done so before we
// asked, hence the second look.
void die_with(pid_t parent) {
  prctl(PR_SET_PDEATHSIG, SIGKILL);
  if (getppid() != parent) std::_Exit(1);
}

bool join_and_serve(const NodeOptions& options, const ActorFactories& factories) {
  auto [host, port] = parse_join(options.join);
  auto secret = read_secret(options.secret_file);
  static SystemConfig config;  // outlives every thread: the process ends without unwinding them
  static caf::actor_system system(config.with_network());
  spdlog::info("node {} (pid {}) joins {}", options.name, getpid(), options.join);
  static NodeHost node(system, options.name, join(system, host, port, options.name, secret));
  node.start_actors(factories);
  return node.wait();
}

}  // namespace

std::pair<std::string, uint16_t> parse_join(const std::string& join) {
  constexpr std::string_view kHost = "127.0.0.1";  // other hosts need a link that is encrypted
  uint16_t port = 0;
  const auto* end = join.data() + join.size();
  const auto colon = std::min(join.rfind(':'), join.size() - 1);
  const auto [parsed, error] = std::from_chars(join.data() + colon + 1, end, port);
  const bool is_a_port = error == std::errc() && parsed == end && port > 0;
  if (join.substr(0, colon) != kHost || !is_a_port)
    throw UsageError("--join = " + join + ": expected 127.0.0.1:PORT, as the launcher says it");
  return {std::string(kHost), port};
}

void check_node_options(const NodeOptions& options) {
  parse_join(options.join);
  try {
    read_secret(options.secret_file);
  } catch (const Error& e) {
    throw UsageError(std::string("--secret-file: ") + e.what());
  }
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
