// How good the policy is on held-out prompts: greedy and sampled, and whether it has the skill.
#include <algorithm>
#include <filesystem>

#include "actors/rlhf/coordinator.h"
#include "storage/file.h"

namespace troupe {
namespace {

using nlohmann::json;

struct Accuracy {
  double right = 0, skilled = 0;  // shares of the responses
};

}  // namespace

SamplingSpec CoordinatorState::training_sampling() const {
  const auto rollout = config().getRollout();
  SamplingSpec spec;
  spec.temperature = rollout.getTemperature();
  spec.top_k = rollout.getTopK();
  spec.top_p = rollout.getTopP();
  spec.min_p = rollout.getMinP();
  spec.max_new_tokens = rollout.getMaxNewTokens();
  spec.ignore_eos = rollout.getIgnoreEos();
  return spec;
}

Async<void> CoordinatorState::evaluate(json& metrics) {
  const auto& task = *setup_->task();
  const auto& tokenizer = *setup_->tokenizer();
  HandOut hand_out;
  hand_out.use = PromptUse::evaluation;
  hand_out.num_prompts =
      std::min<int64_t>(config().getTrainer().getEvalPrompts(), task.num_heldout());
  if (hand_out.num_prompts == 0) co_return;
  std::vector<json> lines;
  for (const bool greedy : {false, true}) {
    if (!greedy && !task.has_answers()) continue;  // nothing to compare with
    hand_out.sampling = training_sampling();
    if (greedy) hand_out.sampling.temperature = 0;
    auto collecting = collect(hand_out);
    const auto trajectories = co_await collecting;
    Accuracy accuracy;
    const double share = 1.0 / static_cast<double>(trajectories.size());
    lines.clear();
    for (const auto& trajectory : trajectories) {
      const auto prompt =
          task.heldout_prompt(config().getRun().getSeed(), trajectory.key.prompt_id);
      const auto response = tokenizer.decode(trajectory.response_ids);
      if (task.has_answers()) {
        accuracy.right += response == trajectory.answer ? share : 0;
        accuracy.skilled += task.is_skilled(prompt, response) ? share : 0;
      }
      lines.push_back({{"prompt", prompt}, {"answer", trajectory.answer}, {"response", response}});
    }
    if (!task.has_answers()) continue;
    metrics[greedy ? "eval/accuracy" : "eval/sampled_accuracy"] = accuracy.right;
    metrics[greedy ? "eval/skilled" : "eval/sampled_skilled"] = accuracy.skilled;
  }
  std::filesystem::create_directories(setup_->run_dir() + "/eval");
  char step[32];
  std::snprintf(step, sizeof step, "step-%06lld",
                static_cast<long long>(metrics.at("training/global_step")));
  for (const std::string name : {"heldout", static_cast<const char*>(step)}) {
    OutputFile file(setup_->run_dir() + "/eval/" + name + ".jsonl");
    for (const auto& line : lines)
      file.write(line.dump(-1, ' ', true, json::error_handler_t::replace) + '\n');
    file.finish(false);
  }
}

}  // namespace troupe
