#include "apps/run_folder.h"

#include <poll.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>

#include "actors/cluster/plan.h"
#include "actors/rlhf/kernels_choice.h"
#include "apps/dated_folder.h"
#include "base/error.h"
#include "base/run_config.h"
#include "base/wall_time.h"
#include "devices/cpu/file_pages.h"
#include "storage/file.h"
#include "storage/inspect/topology.h"

namespace troupe {
namespace fs = std::filesystem;
namespace {

void refuse_used(const fs::path& folder) {
  if (folder.empty() || !fs::exists(folder)) return;
  if (!fs::is_directory(folder))
    throw UsageError("run.dir = " + folder.string() + ": not a folder");
  if (fs::is_empty(folder)) return;
  throw UsageError("run.dir = " + folder.string() +
                   ": there is something in it already\n  give another with --set run.dir=FOLDER");
}

void make_folder(const fs::path& folder) {
  std::error_code error;
  fs::create_directories(folder, error);
  if (error) {
    throw UsageError("run.dir = " + folder.string() + ": cannot be made: " + error.message());
  }
}

// So that the run can be gone on with from another working folder.
void make_paths_absolute(Config& config) {
  const auto run = config.as<RunConfig>();
  const std::pair<const char*, std::string> paths[] = {
      {"model.path", run.getModel().getPath()},
      {"task.path", run.getTask().getPath()},
      {"reward.lexicon_path", run.getReward().getLexiconPath()},
      {"parallel.offload_folder", run.getParallel().getOffloadFolder()}};
  for (const auto& [key, path] : paths)
    if (!path.empty())
      config.set(std::string(key) + "=" + fs::absolute(path).lexically_normal().string());
}

// What may differ when a run goes on: the layout, how often it saves and tests, who hears of it.
void check_changes_nothing(const std::string& assignment) {
  for (const char* free :
       {"roles.", "cluster.", "parallel.", "run.stop_after_step=", "trainer.save_freq=",
        "trainer.test_freq=", "trainer.logger", "trainer.prometheus_address="})
    if (assignment.starts_with(free)) return;
  throw UsageError("--set " + assignment +
                   ": a run goes on with its own config; only roles.*, cluster.*, parallel.*, "
                   "run.stop_after_step,\n  trainer.save_freq, test_freq, logger and "
                   "prometheus_address may change. Start a new run for the rest");
}

// Whether the process has ended within `limit`.
bool ends_within(pid_t pid, std::chrono::milliseconds limit) {
  const FileDescriptor process(static_cast<int>(syscall(SYS_pidfd_open, pid, 0)));
  if (process.get() < 0) return true;  // gone already
  pollfd ended = {process.get(), POLLIN, 0};
  return poll(&ended, 1, static_cast<int>(limit.count())) == 1;
}

// Nodes end soon after a launcher that was killed; one whose launcher lives does not.
void refuse_running(const fs::path& folder) {
  constexpr std::chrono::seconds kLimit{20};
  if (!fs::exists(folder / "journal")) return;
  const auto nodes = read_topology(folder.string()).nodes;
  const bool has_launcher = std::ranges::any_of(nodes, [](const auto& node) {
    return node.name == kLauncherNode && node.state == "running";
  });
  for (const auto& node : nodes)
    if (node.state == "running" &&
        (has_launcher || !ends_within(static_cast<pid_t>(node.pid), kLimit)))
      throw UsageError(folder.string() + ": this run still goes on: its node " + node.name +
                       " is process " + std::to_string(node.pid));
}

}  // namespace

void check_run_folder_is_free(const Config& config) {
  refuse_used(config.as<RunConfig>().getRun().getDir().cStr());
}

fs::path make_run_folder(Config& config, const fs::path& config_file) {
  const std::string dir = config.as<RunConfig>().getRun().getDir();
  fs::path folder =
      dir.empty() ? dated_folder("runs", config_file, wall_time_now_ns()) : fs::path(dir);
  refuse_used(folder);
  make_folder(folder);
  if (dir.empty()) config.set("run.dir=" + folder.string());
  make_paths_absolute(config);
  resolve_kernels(config);
  write_run_config(folder, config);
  link_latest(folder, "runs");
  return folder;
}

void check_offload_folder(const Config& config) {
  const auto parallel = config.as<RunConfig>().getParallel();
  const std::string folder = parallel.getOffloadFolder();
  if (parallel.getOffload().size() == 0 || folder.empty()) return;
  try {
    const FilePages probe(folder, 1);
  } catch (const Error& error) {
    config.reject("parallel.offload_folder", std::string(": ") + error.what());
  }
}

void check_run_folder(const fs::path& folder) {
  if (fs::exists(folder / "config.yaml")) return;
  throw UsageError(folder.string() +
                   " is no folder of a run: there is no config.yaml in it\n"
                   "  name one, such as runs/latest");
}

Config reopen_run_folder(const fs::path& folder, const std::vector<std::string>& overrides) {
  check_run_folder(folder);
  refuse_running(folder);
  for (const auto& assignment : overrides) check_changes_nothing(assignment);
  return load_run_config(folder / "config.yaml", overrides);
}

void write_run_config(const fs::path& folder, const Config& config) {
  const auto path = (folder / "config.yaml").string(), next = path + ".partial";
  write_file(next, config.to_yaml(), true);
  rename_durably(next, path);
}

}  // namespace troupe
