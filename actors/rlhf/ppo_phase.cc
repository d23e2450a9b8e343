// PPO and GRPO: generate, judge, train, publish; the same steps whichever way advantages are made.
#include <chrono>

#include "actors/rlhf/coordinator.h"
#include "actors/rlhf/mini_batches.h"
#include "storage/checkpoint/checkpoint.h"

namespace troupe {
namespace {

using nlohmann::json;
using Clock = std::chrono::steady_clock;

double seconds_since(Clock::time_point start) {
  return std::chrono::duration<double>(Clock::now() - start).count();
}

const char* verl_name(RunConfig::KlType type) {
  switch (type) {
    case RunConfig::KlType::KL:
      return "kl";
    case RunConfig::KlType::ABS:
      return "abs";
    case RunConfig::KlType::MSE:
      return "mse";
    case RunConfig::KlType::LOW_VAR_KL:
      break;
  }
  return "low_var_kl";
}

LossSpec policy_loss_spec(RunConfig::Actor::Reader actor) {
  LossSpec loss;
  loss.kind = LossKind::policy;
  const double low = actor.getClipRatioLow(), high = actor.getClipRatioHigh();
  loss.clip_ratio_low = low > 0 ? low : actor.getClipRatio();
  loss.clip_ratio_high = high > 0 ? high : actor.getClipRatio();
  loss.clip_ratio_c = actor.getClipRatioC();
  loss.entropy_coeff = actor.getEntropyCoeff();
  loss.kl_loss_coef = actor.getUseKlLoss() ? actor.getKlLossCoef() : 0;
  loss.kl_loss_type = verl_name(actor.getKlLossType());
  return loss;
}

LossSpec value_loss_spec(RunConfig::Critic::Reader critic) {
  LossSpec loss;
  loss.kind = LossKind::value;
  loss.cliprange_value = critic.getCliprangeValue();
  return loss;
}

LossAggregation aggregation_of(RunConfig::LossAggMode mode) {
  switch (mode) {
    case RunConfig::LossAggMode::SEQ_MEAN_TOKEN_MEAN:
      return LossAggregation::seq_mean_token_mean;
    case RunConfig::LossAggMode::SEQ_MEAN_TOKEN_SUM:
      return LossAggregation::seq_mean_token_sum;
    case RunConfig::LossAggMode::TOKEN_MEAN:
      break;
  }
  return LossAggregation::token_mean;
}

// A metric of an update, averaged over the updates of a step as verl does.
void add_mean(json& metrics, const std::string& name, double value, double share) {
  const double before = metrics.contains(name) ? metrics[name].get<double>() : 0.0;
  metrics[name] = before + value * share;
}

void add_policy_metrics(json& metrics, const Update& update, double share) {
  const auto& sums = update.result.sums;
  const double tokens = sums.at("tokens");
  add_mean(metrics, "actor/pg_loss", sums.at("pg_loss"), share);
  add_mean(metrics, "actor/kl_loss", sums.at("kl_loss"), share);
  add_mean(metrics, "actor/entropy", sums.at("entropy") / tokens, share);
  add_mean(metrics, "actor/ppo_kl", sums.at("ppo_kl") / tokens, share);
  add_mean(metrics, "actor/pg_clipfrac", sums.at("clipped") / tokens, share);
  add_mean(metrics, "actor/pg_clipfrac_lower", sums.at("clipped_lower") / tokens, share);
  add_mean(metrics, "actor/grad_norm", update.gradient_norm, share);
  metrics["actor/lr"] = update.lr;
}

void add_critic_metrics(json& metrics, const Update& update, double share) {
  const auto& sums = update.result.sums;
  const double tokens = sums.at("tokens");
  add_mean(metrics, "critic/vf_loss", sums.at("loss"), share);
  add_mean(metrics, "critic/vpred_mean", sums.at("values") / tokens, share);
  add_mean(metrics, "critic/vf_clipfrac", sums.at("clipped") / tokens, share);
  add_mean(metrics, "critic/grad_norm", update.gradient_norm, share);
  metrics["critic/lr"] = update.lr;
}

// What rollout and training must agree on: the first forward pass, before any update of the step.
void add_rollout_agreement(json& metrics, const BatchResult& result) {
  const auto& sums = result.sums;
  const double compared = sums.at("rollout_probs_compared");
  metrics["training/rollout_log_probs_diff_max"] = result.maxima.at("rollout_log_probs_diff_max");
  metrics["training/rollout_probs_diff_max"] = result.maxima.at("rollout_probs_diff_max");
  metrics["training/rollout_log_probs_diff_mean"] = sums.at("rollout_log_probs_diff") / compared;
  metrics["training/rollout_probs_diff_mean"] = sums.at("rollout_probs_diff") / compared;
  metrics["training/rollout_probs_compared"] = compared;
}

}  // namespace

Async<Experience> CoordinatorState::generate_experience(int64_t step) {
  const auto rollout = config().getRollout();
  HandOut hand_out;
  hand_out.use = PromptUse::training;
  hand_out.step = step;
  hand_out.first_prompt = (step - 1) * rollout.getPromptsPerStep();
  hand_out.num_prompts = rollout.getPromptsPerStep();
  hand_out.samples_per_prompt = rollout.getN();
  hand_out.sampling = training_sampling();
  hand_out.receiver = caf::actor_cast<caf::strong_actor_ptr>(ledger_.handle);
  auto handing_out = ask_async<HandedOut>(self_, prompt_source_, hand_out);
  const HandedOut handed_out = co_await handing_out;
  const MakeExperience make = {step, handed_out.num_trajectories, kl_controller_->kl_coef};
  auto making = ask_async<Experience>(self_, packer_, make);
  Experience experience = co_await making;
  const CommitStep commit = {step};
  auto committing = ask_async<StageDone>(self_, ledger_, commit);
  co_await committing;
  co_return experience;
}

Async<std::vector<Update>> CoordinatorState::train_epoch(TrainedRole& trained, LossSpec loss,
                                                         std::vector<MicroBatch> micro_batches,
                                                         int64_t step, int64_t epoch) {
  const bool is_policy = loss.kind == LossKind::policy;
  const auto optim = is_policy ? config().getActor().getOptim() : config().getCritic().getOptim();
  const auto aggregation = is_policy ? aggregation_of(config().getActor().getLossAggMode())
                                     : LossAggregation::token_mean;
  const int64_t count = is_policy ? config().getActor().getPpoMiniBatches()
                                  : config().getCritic().getPpoMiniBatches();
  const double lr =
      learning_rate(learning_rate_schedule(optim, config().getTrainer().getTotalSteps()), step - 1);
  auto mini_batches =
      split_into_mini_batches(std::move(micro_batches), count,
                              {config().getRun().getSeed(), Purpose::kEpochOrder,
                               static_cast<uint64_t>(step), static_cast<uint32_t>(epoch)});
  std::vector<Update> updates;
  for (size_t i = 0; i < mini_batches.size(); ++i) {
    loss.scale = weigh(mini_batches[i], aggregation);
    auto updating = update(trained, loss, std::move(mini_batches[i]), optim, lr);
    Update done = co_await updating;
    updates.push_back(std::move(done));
  }
  co_return updates;
}

// Policy and critic learn from the same experience at the same time.
Async<void> CoordinatorState::train_on(Experience experience, json& metrics) {
  const auto train = [this, &metrics](TrainedRole& trained, LossSpec loss, int64_t epochs,
                                      const Experience& experience) -> Async<void> {
    const auto began = Clock::now();
    const bool is_policy = loss.kind == LossKind::policy;
    for (int64_t epoch = 0; epoch < epochs; ++epoch) {
      auto training = train_epoch(trained, loss, experience.micro_batches, experience.step, epoch);
      const std::vector<Update> updates = co_await training;
      const double share = 1.0 / static_cast<double>(epochs * updates.size());
      if (is_policy && epoch == 0) add_rollout_agreement(metrics, updates.front().result);
      for (const auto& update : updates) {
        if (is_policy)
          add_policy_metrics(metrics, update, share);
        else
          add_critic_metrics(metrics, update, share);
      }
    }
    metrics[is_policy ? "timing_s/update_actor" : "timing_s/update_critic"] = seconds_since(began);
  };
  std::vector<Async<void>> both;
  both.push_back(train(policy_, policy_loss_spec(config().getActor()),
                       config().getActor().getPpoEpochs(), experience));
  if (critic_.role.exists())
    both.push_back(train(critic_, value_loss_spec(config().getCritic()),
                         config().getCritic().getPpoEpochs(), experience));
  auto all_trained = await_all(std::move(both));
  co_await all_trained;
}

Async<void> CoordinatorState::ppo() {
  const auto trainer = config().getTrainer();
  const int64_t total = trainer.getTotalSteps();
  const auto is_due = [](int64_t step, int64_t frequency) {
    return frequency > 0 && step % frequency == 0;
  };
  const ForgetStepsAfter forget = {progress_.step};
  auto forgetting = ask_async<StageDone>(self_, ledger_, forget);
  co_await forgetting;
  if (progress_.step == 0) {
    json start = {{"phase", "ppo"}, {"training/global_step", 0}};
    auto first_evaluation = evaluate(start);
    co_await first_evaluation;
    report(start, 0, total);
  }
  for (int64_t step = progress_.step + 1; step <= total; ++step) {
    tell(self_, start_.supervisor, TrainingStep{step});
    json metrics = {{"phase", "ppo"}, {"training/global_step", step}};
    const auto began = Clock::now();
    self_->probe().gauge("weight_version", static_cast<double>(version_));
    auto generating = generate_experience(step);
    Experience experience = co_await generating;
    note_work("gen", began);
    for (const auto& [name, value] : experience.metrics) metrics[name] = value;
    metrics["actor/reward_kl_penalty_coeff"] = kl_controller_->kl_coef;
    kl_controller_->update(experience.mean_kl, experience.num_sequences);
    int64_t num_tokens = 0;
    for (const auto& batch : experience.micro_batches)
      num_tokens += static_cast<int64_t>(batch.token_ids.size());

    const auto training_began = Clock::now();
    auto training = train_on(std::move(experience), metrics);
    co_await training;
    metrics["timing_s/train"] = seconds_since(training_began);
    note_work("train", training_began);
    const auto publishing_began = Clock::now();
    auto publishing = publish(step);
    co_await publishing;
    metrics["timing_s/update_weights"] = seconds_since(publishing_began);
    note_work("update_weights", publishing_began);
    note_work("step " + std::to_string(step), began);
    metrics["timing_s/step"] = seconds_since(began);
    metrics["perf/total_num_tokens"] = num_tokens;
    metrics["perf/throughput"] = static_cast<double>(num_tokens) / seconds_since(began);

    const bool is_last = step == total || step == config().getRun().getStopAfterStep();
    if (is_last || is_due(step, trainer.getTestFreq())) {
      const auto testing_began = Clock::now();
      auto evaluating = evaluate(metrics);
      co_await evaluating;
      metrics["timing_s/testing"] = seconds_since(testing_began);
      note_work("testing", testing_began);
    }
    if (is_last || is_due(step, trainer.getSaveFreq())) {
      const auto saving_began = Clock::now();
      auto one_before = std::exchange(saving_, Async<void>());
      if (one_before.is_started()) co_await one_before;
      std::vector<TrainedRole*> roles = {&policy_};
      if (critic_.role.exists()) roles.push_back(&critic_);
      const json state = {
          {"phase", "ppo"},
          {"step", step},
          {"next_prompt", step * config().getRollout().getPromptsPerStep()},
          {"policy_optimizer_step", policy_.optimizer_step},
          {"critic_optimizer_step", critic_.optimizer_step},
          {"score_statistics",
           {{"mean", score_statistics_.mean}, {"deviation", score_statistics_.deviation}}}};
      saving_ = save(checkpoint_folder(setup_->run_dir(), step), roles, true, state);
      metrics["timing_s/save_checkpoint"] = seconds_since(saving_began);
      note_work("save_checkpoint", saving_began);
    }
    report(std::move(metrics), step, total);
    if (is_last) break;
  }
  auto last_saving = std::exchange(saving_, Async<void>());
  if (last_saving.is_started()) co_await last_saving;
}

}  // namespace troupe
