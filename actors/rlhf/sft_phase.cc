// The supervised warm-up: the policy learns the task's demonstrations.
#include "actors/rlhf/coordinator.h"
#include "actors/train/packed_sequences.h"

namespace troupe {

Async<void> CoordinatorState::warm_up() {
  const auto sft = config().getSft();
  const int64_t steps = sft.getSteps();
  auto loading = load(policy_, {config().getModel().getPath()});
  co_await loading;
  const auto schedule = learning_rate_schedule(sft.getOptim(), steps);
  for (int64_t step = 0; step < steps; ++step) {
    const auto began = std::chrono::steady_clock::now();
    const TakeDemonstrations take = {step * sft.getBatchSize(), sft.getBatchSize()};
    auto asked = ask_async<Examples>(self_, prompt_source_, take);
    const Examples examples = co_await asked;
    std::vector<TrainingSequence> sequences;
    int64_t num_targets = 0, num_tokens = 0;
    for (const auto& example : examples.examples) {
      sequences.push_back(response_sequence(example.prompt_ids, example.response_ids));
      num_targets += static_cast<int64_t>(example.response_ids.size());
      num_tokens += static_cast<int64_t>(sequences.back().token_ids.size());
    }
    PackedSequences packed(std::move(sequences), PackOrder::best_fit, sft.getMaxTokensPerPack(),
                           config().getNumerics().getDataSlices());
    LossSpec loss;
    loss.kind = LossKind::nll;
    loss.scale = 1.0f / static_cast<float>(num_targets);
    auto updating =
        update(policy_, loss, packed.take(), sft.getOptim(), learning_rate(schedule, step));
    const Update done = co_await updating;
    const std::chrono::duration<double> seconds = std::chrono::steady_clock::now() - began;
    report({{"phase", "sft"},
            {"training/global_step", step + 1},
            {"train/loss", done.result.sums.at("loss")},
            {"train/grad_norm", done.gradient_norm},
            {"train/lr", done.lr},
            {"timing_s/step", seconds.count()},
            {"perf/throughput", static_cast<double>(num_tokens) / seconds.count()}},
           step + 1, steps);
  }
  const nlohmann::json state = {{"phase", "sft"}, {"step", steps}};
  auto saving = save(setup_->phase_dir("sft"), {&policy_}, false, state);
  co_await saving;
}

}  // namespace troupe
