// `troupe rlhf RUN.yaml`: PPO or GRPO, with the supervised warm-up and the reward model that the
// config asks for. `troupe rlhf --resume RUN_DIR`: goes on where a run stopped.
#include <CLI/CLI.hpp>
#include <filesystem>
#include <iostream>
#include <memory>

#include "actors/rlhf/prompt_limits.h"
#include "actors/rlhf/rlhf_run.h"
#include "actors/rlhf/run_progress.h"
#include "actors/rlhf/run_setup.h"
#include "apps/auto_layout.h"
#include "apps/commands.h"
#include "apps/metrics_endpoint.h"
#include "apps/plan_text.h"
#include "apps/progress.h"
#include "apps/reserve_places.h"
#include "apps/run_folder.h"
#include "apps/set_option.h"
#include "apps/step_report.h"
#include "base/error.h"
#include "base/run_config.h"
#include "storage/checkpoint/checkpoint.h"

namespace troupe {
namespace {

struct Options {
  std::string config, resume;
  std::vector<std::string> set;
  ClusterOption cluster;
  bool dry_run = false;
};

// The resolved config and what it would start: a YAML file that gives this run again.
void show(const Config& config, const RunSetup& setup) {
  std::cout << config.to_yaml(true) << plan_text(setup.plan());
}

void print_result(const std::string& run_dir) {
  if (const auto last = latest_checkpoint(run_dir))
    std::cout << "checkpoint " << *last << "\nsha256 " << model_hash(*last) << std::endl;
}

// What a failure leaves to be done; nothing that was saved is lost.
std::string how_to_go_on(const std::string& run_dir) {
  const auto last = latest_checkpoint(run_dir);
  return "  once that is mended, `troupe rlhf --resume " + run_dir + "` goes on" +
         (last ? " from " + std::filesystem::path(*last).filename().string() : "");
}

// From where the run stands in its folder to its end.
void go_on(const std::string& run_dir, MetricsEndpoint& endpoint, ReservedPlaces* reserved) {
  if (!endpoint.url().empty()) std::cout << "metrics at " << endpoint.url() << std::endl;
  endpoint.metrics().set_run_dir(run_dir);
  RunOutcome outcome;
  {
    Progress progress;
    const auto heard = [&](const StepMetrics& step) {
      endpoint.metrics().add(step);
      show(progress, step);
    };
    outcome = run_rlhf(run_dir, heard, reserved);
  }
  const auto advice = outcome.ok ? "" : how_to_go_on(run_dir);
  if (!outcome.ok && (!outcome.reported || outcome.signal != 0))
    throw Error(outcome.failure + "\n" + advice);
  if (!outcome.ok) {
    std::cerr << advice << std::endl;
    throw CLI::RuntimeError(1);
  }
  print_result(run_dir);
}

std::string prometheus_address(const Config& config) {
  return config.as<RunConfig>().getTrainer().getPrometheusAddress();
}

void start(const Options& options) {
  const auto config = load_with_layout(options.config, options.set);
  const RunSetup setup(config);
  check_prompts_fit(setup, *config);
  if (options.dry_run) return show(*config, setup);
  check_run_folder_is_free(*config);
  if (!options.cluster.is_given()) check_offload_folder(*config);
  MetricsEndpoint endpoint(prometheus_address(*config));
  const std::string dir = config->as<RunConfig>().getRun().getDir();
  const auto reserved = reserve_places(options.cluster, setup, dir.empty() ? options.config : dir);
  const auto run_dir = make_run_folder(*config, options.config);
  const std::string name = config->as<RunConfig>().getRun().getName();
  std::cout << (name.empty() ? "" : name + ": ") << "run folder " << run_dir.string() << std::endl;
  go_on(run_dir.string(), endpoint, reserved.get());
}

// A step that is named now; the one at which the run has stopped before is no matter.
void check_stop_is_ahead(const Config& config, int64_t step) {
  const auto stop = config.as<RunConfig>().getRun().getStopAfterStep();
  const bool is_new = config.origin("run.stop_after_step").starts_with("--set");
  if (is_new && stop > 0 && stop <= step)
    config.reject("run.stop_after_step", " = " + std::to_string(stop) +
                                             ": the run has passed it, it is at step " +
                                             std::to_string(step));
}

void resume(const Options& options) {
  const auto& run_dir = options.resume;
  const auto config = std::make_shared<const Config>(reopen_run_folder(run_dir, options.set));
  if (options.dry_run) return show(*config, RunSetup(config));
  const RunSetup before(run_dir);
  const auto progress = read_progress(before);
  if (progress.is_done(before)) {
    std::cout << "run folder " << run_dir << ": ended at step " << progress.step << std::endl;
    return print_result(run_dir);
  }
  check_stop_is_ahead(*config, progress.step);
  if (!options.cluster.is_given()) check_offload_folder(*config);
  MetricsEndpoint endpoint(prometheus_address(*config));
  if (!options.set.empty()) write_run_config(run_dir, *config);
  const RunSetup setup(run_dir);
  const auto reserved = reserve_places(options.cluster, setup, run_dir);
  std::cout << "run folder " << run_dir << ": goes on "
            << (progress.step > 0 ? "from " + progress.checkpoint : progress.phase_done())
            << std::endl;
  go_on(run_dir, endpoint, reserved.get());
}

}  // namespace

void add_rlhf(CLI::App& app) {
  auto* command = app.add_subcommand("rlhf", "Run PPO or GRPO as a config says");
  auto options = std::make_shared<Options>();
  auto* config = command->add_option("RUN.yaml", options->config, "The run's config");
  auto* resumed = command->add_option("--resume", options->resume,
                                      "A run's folder: go on from its last checkpoint");
  resumed->excludes(config);
  add_set_option(*command, options->set);
  add_cluster_option(*command, options->cluster);
  command->add_flag(
      "--dry-run", options->dry_run,
      "Print the resolved config with the origin of every value and the actors that it "
      "would start, and stop");
  command->callback([options] {
    if (options->config.empty() && options->resume.empty())
      throw UsageError("RUN.yaml is required, or --resume RUN_DIR");
    options->resume.empty() ? start(*options) : resume(*options);
  });
}

}  // namespace troupe
