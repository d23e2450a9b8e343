// `troupe node`: a process of a resident cluster, on this or another host, which hosts nodes of
// runs. With --run-node, which launchers and cluster members use: one node of one run.
#include <CLI/CLI.hpp>
#include <memory>

#include "actors/cluster/node_process.h"
#include "actors/factories.h"
#include "actors/launch/member_process.h"
#include "actors/launch/scheduler.h"
#include "apps/commands.h"
#include "base/cluster_config.h"
#include "base/error.h"

namespace troupe {
namespace {

struct Options {
  MemberOptions member;
  std::string run_node;
  int data_socket = -1;
};

void be_node_of_run(const Options& options) {
  const NodeOptions node = {.join = options.member.join,
                            .name = options.run_node,
                            .secret_file = options.member.secret_file,
                            .log_file = options.member.log_file,
                            .parent = options.member.parent,
                            .runtime_dir = options.member.runtime_dir,
                            .data_socket = options.data_socket};
  check_node_options(node);
  run_node(node, actor_factories());
}

// What is not given comes from the scheduler that has started us.
void complete(MemberOptions& options) {
  const auto place = scheduler_place();
  if (options.join.empty()) options.join = place.address;
  if (options.name.empty()) options.name = place.member_name();
  if (options.secret_file.empty()) options.secret_file = process_environment("TROUPE_SECRET_FILE");
  if (options.join.empty())
    throw UsageError(
        "--join HOST:PORT is required: the cluster, as `troupe launch` says it\n  or in the "
        "environment: TROUPE_CLUSTER, MASTER_ADDR, or what srun sets");
  if (options.secret_file.empty())
    throw UsageError("--secret-file is required, or TROUPE_SECRET_FILE in the environment");
  if (options.name.empty())
    throw UsageError(
        "--name is required: what the cluster is to call this node\n  or a rank in the "
        "environment: what srun, mpirun or a Kubernetes indexed job sets");
  if (!is_node_name(options.name))
    throw UsageError("--name = " + options.name + ": expected letters, digits, '-', '_' and '.'");
}

void node(Options& options) {
  if (!options.run_node.empty()) return be_node_of_run(options);
  complete(options.member);
  check_member_options(options.member);
  run_member(options.member);
}

}  // namespace

void add_node(CLI::App& app) {
  auto* command = app.add_subcommand("node", "Join a cluster, to host nodes of its runs");
  auto options = std::make_shared<Options>();
  auto& member = options->member;
  command->add_option("--join", member.join, "The cluster, HOST:PORT");
  command->add_option("--name", member.name, "What the cluster is to call this node");
  command->add_option("--secret-file", member.secret_file, "The cluster's secret, mode 0600");
  command->add_option("--slots", member.slots, "Node processes of runs at once")
      ->check(CLI::Range(1, 4096));
  command->add_option(
      "--address", member.address,
      "This host's address for the other nodes; else the one that the cluster sees");
  command->add_option("--log", member.log_file, "Log here instead of standard output");
  command->add_option("--runtime-dir", member.runtime_dir)->group("");
  command->add_option("--parent", member.parent)->group("");
  command->add_option("--run-node", options->run_node)->group("");
  command->add_option("--data-socket", options->data_socket)->group("");
  command->callback([options] { node(*options); });
}

}  // namespace troupe
