#include "apps/step_report.h"

#include <nlohmann/json.hpp>
#include <optional>
#include <sstream>

namespace troupe {
namespace {

using nlohmann::json;

std::optional<double> number(const json& metrics, const char* name) {
  if (!metrics.contains(name)) return std::nullopt;
  return metrics.at(name).get<double>();
}

StepReport step_report(const StepMetrics& step) {
  const auto metrics = json::parse(step.metrics);
  StepReport report;
  report.phase = metrics.at("phase");
  report.step = step.step;
  report.total_steps = step.total_steps;
  report.elapsed_seconds = metrics.at("timing_s/phase");
  report.loss = number(metrics, "train/loss");
  report.reward = number(metrics, "critic/score/mean");
  report.kl = number(metrics, "actor/reward_kl_penalty");
  report.tokens_per_second = number(metrics, "perf/throughput");
  return report;
}

}  // namespace

void show(Progress& progress, const StepMetrics& step) {
  progress.show(step_report(step));
  const auto metrics = json::parse(step.metrics);
  if (auto accuracy = number(metrics, "eval/accuracy")) {
    std::ostringstream line;
    line.precision(3);
    line << "evaluation at step " << step.step << ": accuracy " << *accuracy << " greedy, "
         << *number(metrics, "eval/sampled_accuracy") << " sampled; "
         << *number(metrics, "eval/skilled") << " have the skill";
    progress.note(line.str());
  }
}

}  // namespace troupe
