// The reward model: the policy's body with a value head, trained on preference pairs that are made
// of the policy's own answers; and the statistics that centre and scale its scores.
#include "actors/rlhf/coordinator.h"
#include "actors/train/packed_sequences.h"

namespace troupe {
namespace {

TrainingSequence whole_sequence(const Example& example) {
  TrainingSequence sequence = {example.prompt_ids, {}, {}};
  sequence.token_ids.insert(sequence.token_ids.end(), example.response_ids.begin(),
                            example.response_ids.end());
  return sequence;
}

}  // namespace

Async<void> CoordinatorState::train_reward_model() {
  const auto reward = config().getReward();
  const int64_t steps = reward.getSteps(), pairs = reward.getPairsPerStep();
  auto loading = load(reward_model_, {base_path_, LoadWeights::Head::zero});
  co_await loading;

  HandOut pool;
  pool.use = PromptUse::preference_pool;
  pool.num_prompts = reward.getPoolPrompts();
  pool.samples_per_prompt = reward.getSamplesPerPrompt();
  pool.sampling = training_sampling();
  auto collecting = collect(pool);
  KeepSamples keep;
  keep.samples.trajectories = co_await collecting;
  self_->send(prompt_source_.handle, keep);

  const auto schedule = learning_rate_schedule(reward.getOptim(), steps);
  for (int64_t step = 0; step < steps; ++step) {
    const auto began = std::chrono::steady_clock::now();
    const TakePreferencePairs take = {step * pairs, pairs};
    auto asked = ask_async<Examples>(self_, prompt_source_, take);
    const Examples examples = co_await asked;
    std::vector<TrainingSequence> sequences;
    for (const auto& example : examples.examples) sequences.push_back(whole_sequence(example));
    PackedSequences packed(std::move(sequences), PackOrder::in_order, reward.getMaxTokensPerPack(),
                           config().getNumerics().getDataSlices(), 2);
    LossSpec loss;
    loss.kind = LossKind::ranking;
    loss.scale = 1.0f / static_cast<float>(pairs);
    loss.mean_square_coefficient = reward.getScoreL2Coef();
    auto updating = update(reward_model_, loss, packed.take(), reward.getOptim(),
                           learning_rate(schedule, step));
    const Update done = co_await updating;
    const auto& sums = done.result.sums;
    const std::chrono::duration<double> seconds = std::chrono::steady_clock::now() - began;
    report({{"phase", "reward"},
            {"training/global_step", step + 1},
            {"train/loss", sums.at("loss")},
            {"train/accuracy", sums.at("right") / sums.at("pairs")},
            {"train/margin", sums.at("margin") / sums.at("pairs")},
            {"train/grad_norm", done.gradient_norm},
            {"train/lr", done.lr},
            {"timing_s/step", seconds.count()}},
           step + 1, steps);
  }
  const nlohmann::json state = {{"phase", "reward"}, {"step", steps}};
  auto saving = save(setup_->phase_dir("reward"), {&reward_model_}, false, state);
  co_await saving;
}

// Mean and deviation of the scores of the policy's answers from before PPO, frozen from then on.
Async<void> CoordinatorState::take_score_statistics() {
  HandOut sample;
  sample.use = PromptUse::preference_pool;
  sample.first_prompt = config().getReward().getPoolPrompts();  // prompts that no pair was made of
  sample.num_prompts = config().getReward().getStatisticsSamples();
  if (sample.num_prompts == 0) co_return;
  sample.sampling = training_sampling();
  auto collecting = collect(sample);
  ScoreTrajectories ask;
  ask.batch.trajectories = co_await collecting;
  ask.raw = true;
  auto scored = ask_async<Scores>(self_, reward_, ask);
  const Scores scores = co_await scored;
  const std::vector<double> values(scores.scores.begin(), scores.scores.end());
  const auto normalisation = score_normalisation(values);
  score_statistics_ = {normalisation.mean, normalisation.standard_deviation};
}

// Before PPO: from here on the reward model only judges.
Async<void> CoordinatorState::prepare_reward() {
  if (!progress_.has_reward) {
    auto training = train_reward_model();
    co_await training;
  } else {
    auto loading = load(reward_model_, {setup_->phase_dir("reward")});
    co_await loading;
  }
  if (progress_.step > 0) {
    const auto& statistics = progress_.state.at("score_statistics");
    score_statistics_ = {statistics.at("mean"), statistics.at("deviation")};
  } else {
    auto sampling = take_score_statistics();
    co_await sampling;
  }
  auto told = ask_async<StageDone>(self_, reward_, score_statistics_);
  co_await told;
}

}  // namespace troupe
