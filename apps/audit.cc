// `troupe audit RUN_DIR`: what was trained on, exactly once or not.
#include <CLI/CLI.hpp>
#include <iostream>
#include <memory>
#include <nlohmann/json.hpp>

#include "apps/commands.h"
#include "apps/run_folder.h"
#include "base/error.h"
#include "storage/ledger/ledger.h"

namespace troupe {
namespace {

using nlohmann::json;

struct Options {
  std::string run_dir = "runs/latest";
  bool trajectories = false;
  bool json = false;
};

json to_json(const TrajectoryKey& key, const LedgerEntry& entry) {
  const auto& trajectory = entry.trajectory;
  auto token_ids = trajectory.prompt_ids;  // what `troupe score` takes
  token_ids.insert(token_ids.end(), trajectory.response_ids.begin(), trajectory.response_ids.end());
  json line = {{"prompt_id", key.prompt_id},
               {"sample_index", key.sample_index},
               {"step", trajectory.step},
               {"weight_version", trajectory.weight_version},
               {"token_ids", token_ids},
               {"prompt_length", trajectory.prompt_ids.size()},
               {"response_ids", trajectory.response_ids},
               {"log_probs", trajectory.log_probs},
               {"truncated", trajectory.truncated},
               {"reward", nullptr},
               {"step_trained", nullptr}};
  if (entry.score) line["reward"] = *entry.score;
  if (!entry.steps_trained.empty()) line["step_trained"] = entry.steps_trained.front();
  return line;
}

struct Counts {
  int64_t trajectories = 0, once = 0, never = 0, more = 0;
};

void audit(const Options& options) {
  check_run_folder(options.run_dir);
  const auto entries = read_ledger(options.run_dir + "/ledger");
  Counts counts;
  for (const auto& [key, entry] : entries) {
    ++counts.trajectories;
    const size_t times = entry.steps_trained.size();
    ++(times == 1 ? counts.once : times == 0 ? counts.never : counts.more);
    if (options.trajectories && options.json) {
      std::cout << to_json(key, entry).dump(-1, ' ', true) << '\n';
    } else if (options.trajectories || times != 1) {
      std::cout << "prompt " << key.prompt_id << " sample " << key.sample_index << ": "
                << entry.trajectory.response_ids.size() << " tokens by weight version "
                << entry.trajectory.weight_version << ", trained on " << times
                << (times == 1 ? " time\n" : " times\n");
    }
  }
  if (options.json && options.trajectories) return;
  if (options.json)
    std::cout << json{{"trajectories", counts.trajectories},
                      {"trained_once", counts.once},
                      {"never_trained", counts.never},
                      {"trained_more_than_once", counts.more}}
                     .dump()
              << '\n';
  else
    std::cout << counts.trajectories << " trajectories: " << counts.once
              << " trained on exactly once, " << counts.never << " never, " << counts.more
              << " more than once\n";
  if (counts.more > 0) throw CLI::RuntimeError(1);
}

}  // namespace

void add_audit(CLI::App& app) {
  auto* command = app.add_subcommand("audit", "Show what a run was trained on");
  auto options = std::make_shared<Options>();
  command->add_option("RUN_DIR", options->run_dir, "A run's folder")->capture_default_str();
  command->add_flag("--trajectories", options->trajectories, "A line per trajectory");
  command->add_flag("--json", options->json, "JSON");
  command->callback([options] { audit(*options); });
}

}  // namespace troupe
