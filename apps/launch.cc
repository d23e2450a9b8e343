// `troupe launch CLUSTER.yaml`: a resident cluster, on which runs are started with `troupe rlhf
// --cluster`. It stays until Ctrl-C.
#include <CLI/CLI.hpp>
#include <filesystem>
#include <iostream>
#include <memory>

#include "actors/launch/launched_cluster.h"
#include "apps/commands.h"
#include "apps/dated_folder.h"
#include "apps/set_option.h"
#include "base/error.h"
#include "base/wall_time.h"

namespace troupe {
namespace {

namespace fs = std::filesystem;

struct Options {
  std::string config;
  std::vector<std::string> set;
};

fs::path make_cluster_folder(const Config& config, const fs::path& config_file) {
  const std::string dir = config.as<ClusterConfig>().getDir().cStr();
  auto folder =
      dir.empty() ? dated_folder("clusters", config_file, wall_time_now_ns()) : fs::path(dir);
  std::error_code error;
  fs::create_directories(folder, error);
  if (error) throw UsageError("dir = " + folder.string() + ": cannot be made: " + error.message());
  link_latest(folder, "clusters");
  return folder;
}

void launch(const Options& options) {
  const auto config = load_cluster_config(options.config, options.set);
  const auto folder = make_cluster_folder(config, options.config);
  LaunchedCluster cluster(config, folder.string(),
                          [](const std::string& line) { std::cout << line << std::endl; });
  const auto secret = folder / "secret";
  const auto shown = fs::exists(secret) ? secret.string() : cluster.secret_file();
  std::cout << "cluster " << cluster.address().text() << ", its folder " << folder.string()
            << "; Ctrl-C stops it\nto run on it: troupe rlhf RUN.yaml --cluster "
            << cluster.address().text() << " --secret-file " << shown << std::endl;
  cluster.start_members();
  const auto failure = cluster.wait();
  if (!failure.empty())
    throw Error("the cluster ended: " + failure + "\n  its logs are in " +
                (folder / "logs").string());
  std::cout << "the cluster has stopped" << std::endl;
}

}  // namespace

void add_launch(CLI::App& app) {
  auto* command = app.add_subcommand("launch", "Start a resident cluster and supervise it");
  auto options = std::make_shared<Options>();
  command->add_option("CLUSTER.yaml", options->config, "The cluster's config")->required();
  add_set_option(*command, options->set);
  command->callback([options] { launch(*options); });
}

}  // namespace troupe
