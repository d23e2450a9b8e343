#include "actors/rlhf/run_progress.h"

#include <filesystem>
#include <vector>

#include "actors/rlhf/run_setup.h"
#include "base/error.h"
#include "storage/checkpoint/checkpoint.h"
#include "storage/file.h"

namespace troupe {
namespace {

using nlohmann::json;

bool is_whole(const std::string& folder) {
  if (!std::filesystem::exists(folder + "/manifest.json")) return false;
  verify_checkpoint(folder);
  return true;
}

// Whether a line of metrics belongs to what need not be done again.
bool is_kept(const std::string& line, const RunProgress& progress) {
  const auto metrics = json::parse(line, nullptr, false);
  if (metrics.is_discarded()) return false;  // cut off by a crash
  const std::string phase = metrics.value("phase", "");
  if (phase == "sft") return progress.has_sft;
  if (phase == "reward") return progress.has_reward;
  return progress.step > 0 && metrics.value("training/global_step", int64_t{0}) <= progress.step;
}

}  // namespace

bool RunProgress::is_done(const RunSetup& setup) const {
  const auto config = setup.config();
  const bool phases_done =
      (has_sft || config.getSft().getSteps() == 0) && (has_reward || !setup.has_reward_model());
  return phases_done && step >= config.getTrainer().getTotalSteps();
}

std::string RunProgress::phase_done() const {
  if (has_reward) return "after the reward model's training";
  return has_sft ? "after the supervised warm-up" : "from its start";
}

RunProgress read_progress(const RunSetup& setup) {
  RunProgress progress;
  progress.has_sft = is_whole(setup.phase_dir("sft"));
  progress.has_reward = is_whole(setup.phase_dir("reward"));
  const auto last = latest_checkpoint(setup.run_dir());
  if (!last) return progress;
  verify_checkpoint(*last);
  progress.checkpoint = *last;
  progress.state = read_json_file(*last + "/state.json");
  progress.step = progress.state.at("step");
  return progress;
}

std::ofstream open_metrics(const std::string& path, const RunProgress& progress) {
  std::string kept;
  std::ifstream before(path);
  for (std::string line; std::getline(before, line);)
    if (is_kept(line, progress)) kept += line + '\n';
  const auto next = path + ".partial";
  write_file(next, kept, true);
  rename_durably(next, path);
  std::ofstream file(path, std::ios::app);
  if (!file) throw Error(path + ": cannot be written");
  return file;
}

}  // namespace troupe
