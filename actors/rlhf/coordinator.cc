#include "actors/rlhf/coordinator.h"

#include "base/wall_time.h"
#include "storage/checkpoint/checkpoint.h"
#include "storage/file.h"

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
  running_ = run();
}

// The policy and its reference as PPO starts or goes on with them.
Async<void> CoordinatorState::prepare_policy() {
  base_path_ = config().getSft().getSteps() > 0 ? setup_->phase_dir("sft")
                                                : std::string(config().getModel().getPath());
  auto loading = progress_.step > 0 ? resume(policy_) : load(policy_, {base_path_});
  co_await loading;
  if (reference_.role.exists()) {
    auto reference = load(reference_, {base_path_});
    co_await reference;
  }
  if (progress_.step > 0) kl_controller_->kl_coef = progress_.state.at("kl_coef");
  auto publishing = publish(progress_.step);
  co_await publishing;
}

// The critic's body starts as the reward model's, or as the policy's where there is none.
Async<void> CoordinatorState::prepare_critic() {
  const auto body = reward_model_.role.exists() ? setup_->phase_dir("reward") : base_path_;
  auto loading =
      progress_.step > 0 ? resume(critic_) : load(critic_, {body, LoadWeights::Head::zero});
  co_await loading;
}

// The run from where it stands to its end.
Async<void> CoordinatorState::run() {
  std::string failure;
  try {
    progress_ = read_progress(*setup_);
    open_logs();
    if (config().getSft().getSteps() > 0 && !progress_.has_sft) {
      auto warming_up = warm_up();
      co_await warming_up;
    }
    auto policy = prepare_policy();
    co_await policy;
    if (reward_model_.role.exists()) {
      auto reward = prepare_reward();
      co_await reward;
    }
    if (critic_.role.exists()) {
      auto critic = prepare_critic();
      co_await critic;
    }
    auto training = ppo();
    co_await training;
  } catch (const std::exception& e) {
    failure = e.what();
  }
  end(failure);
}

void CoordinatorState::open_logs() {
  const auto path = setup_->run_dir() + "/metrics.jsonl";
  metrics_file_ = open_metrics(path, progress_);
  for (const auto logger : config().getTrainer().getLogger())
    if (logger == RunConfig::Logger::TENSORBOARD)
      event_file_.emplace(setup_->run_dir() + "/tensorboard", path);
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
  metrics["wall_time"] = static_cast<double>(wall_time_now_ns()) / 1e9;
  const auto line = metrics.dump(-1, ' ', true);
  metrics_file_ << line << '\n';
  if (!metrics_file_.flush()) throw_errno("write", setup_->run_dir() + "/metrics.jsonl");
  if (event_file_) event_file_->add(metrics);
  if (start_.reporter) tell(self_, start_.reporter, StepMetrics{line, step, total_steps});
}

void CoordinatorState::note_work(std::string label, std::chrono::steady_clock::time_point began) {
  self_->probe().worked(std::move(label), began.time_since_epoch().count());
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
