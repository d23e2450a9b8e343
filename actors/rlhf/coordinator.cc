#include "actors/rlhf/coordinator.h"

#include "storage/checkpoint/checkpoint.h"

namespace troupe {
namespace {

using nlohmann::json;

KlControllerConfig kl_config(RunConfig::Algorithm::Reader algorithm) {
  const auto control = algorithm.getKlCtrl();
  KlControllerConfig config;
  config.adaptive = control.getType() == RunConfig::KlCtrlType::ADAPTIVE;
  config.kl_coef = algorithm.getUseKlInReward() ? control.getKlCoef() : 0;
  config.target_kl = control.getTargetKl();
  config.horizon = control.getHorizon();
  return config;
}

// How long the step that is reported took.
std::chrono::nanoseconds seconds_of(const json& metrics) {
  const double seconds = metrics.value("timing_s/step", 0.0);
  return std::chrono::nanoseconds(static_cast<int64_t>(seconds * 1e9));
}

}  // namespace

void CoordinatorState::configure(Self* self, std::shared_ptr<const RunSetup> setup) {
  self_ = self;
  setup_ = std::move(setup);
  kl_controller_ = std::make_unique<KlController>(kl_config(config().getAlgorithm()));
}

void CoordinatorState::connect(const Peers& peers) {
  peers_ = peers;
  const auto role = [&](const char* name) {
    std::vector<Peer<Stage>> stages;
    for (const auto& address : setup_->stage_addresses(name))
      stages.push_back(peer<Stage>(peers, address));
    return TrainedRole{Role(name, std::move(stages), 3)};
  };
  policy_ = role("policy");
  reference_ = role("reference");
  reward_model_ = role("reward");
  critic_ = role("critic");
  prompt_source_ = peer<PromptSource>(peers, "prompt_source");
  ledger_ = peer<LedgerActor>(peers, "ledger");
  packer_ = peer<Packer>(peers, "packer");
  reward_ = peer<Reward>(peers, "reward");
  weight_store_ = peer<WeightStore>(peers, "weight_store/policy");
}

void CoordinatorState::start(const StartRun& start) {
  start_ = start;
  started_ = std::chrono::steady_clock::now();
  const auto path = setup_->run_dir() + "/metrics.jsonl";
  metrics_file_.open(path);
  CHECK(metrics_file_.is_open(), path);
  running_ = run();
}

// The whole run, from first to last.
Async<void> CoordinatorState::run() {
  std::string failure;
  try {
    base_path_ = config().getModel().getPath();
    auto loading = load(policy_, base_path_, false);
    co_await loading;
    if (config().getSft().getSteps() > 0) {
      auto warming_up = warm_up();
      co_await warming_up;
      auto reloading = load(policy_, base_path_, false);  // PPO's optimizer starts anew
      co_await reloading;
    }
    critic_path_ = base_path_;
    if (reference_.role.exists()) {
      auto reference = load(reference_, base_path_, false);
      co_await reference;
    }
    auto publishing = publish(0);
    co_await publishing;
    if (reward_model_.role.exists()) {
      auto training = train_reward_model();
      co_await training;
      auto statistics = set_score_statistics();
      co_await statistics;
    }
    if (critic_.role.exists()) {
      auto critic = load(critic_, critic_path_, true);
      co_await critic;
    }
    auto training = ppo();
    co_await training;
  } catch (const std::exception& e) {
    failure = e.what();
  }
  end(failure);
}

void CoordinatorState::report(json metrics, int64_t step, int64_t total_steps) {
  const std::chrono::duration<double> elapsed = std::chrono::steady_clock::now() - started_;
  metrics["timing_s/elapsed"] = elapsed.count();
  if (const auto phase = metrics.at("phase").get<std::string>(); phase != phase_) {
    phase_ = phase;
    phase_started_ = std::chrono::steady_clock::now() - seconds_of(metrics);
  }
  const std::chrono::duration<double> in_phase = std::chrono::steady_clock::now() - phase_started_;
  metrics["timing_s/phase"] = in_phase.count();
  const auto line = metrics.dump(-1, ' ', true);
  metrics_file_ << line << '\n';
  CHECK(metrics_file_.flush(), setup_->run_dir());
  if (start_.reporter) tell(self_, start_.reporter, StepMetrics{line, step, total_steps});
}

void CoordinatorState::end(const std::string& failure) {
  tell(self_, start_.supervisor, RunEnded{failure});
}

Coordinator::behavior_type coordinator(CoordinatorState::Self* self,
                                       std::shared_ptr<const RunSetup> setup) {
  auto& state = self->state;
  state.configure(self, std::move(setup));
  return {
      [&state](const Peers& peers) { state.connect(peers); },
      [&state](const StartRun& start) { state.start(start); },
  };
}

}  // namespace troupe
