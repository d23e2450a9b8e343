// Decides what happens next in a run: the supervised warm-up, the reward model, PPO, evaluations
// and checkpoints. It never touches a tensor; it asks those who do. Each phase is a file.
#pragma once

#include <caf/all.hpp>
#include <chrono>
#include <fstream>
#include <map>
#include <memory>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <vector>

#include "actors/async.h"
#include "actors/messages.h"
#include "actors/rlhf/ledger_actor.h"
#include "actors/rlhf/packer.h"
#include "actors/rlhf/reward.h"
#include "actors/rlhf/run_progress.h"
#include "actors/rlhf/run_setup.h"
#include "actors/rollout/prompt_source.h"
#include "actors/trace/traced.h"
#include "actors/train/role.h"
#include "actors/train/weight_store.h"
#include "rlhf/kl_controller.h"
#include "storage/tensorboard/event_file.h"

namespace troupe {

using Coordinator = caf::typed_actor<caf::reacts_to<Peers>, caf::reacts_to<StartRun>>;

// A model with its optimizer, as the coordinator trains it.
struct TrainedRole {
  Role role;
  int64_t optimizer_step = 0;  // since its weights were loaded
  int64_t num_updates = 0;     // of the whole phase: where its learning rate stands
};

// What one update did.
struct Update {
  BatchResult result;
  double gradient_norm = 0;
  double lr = 0;
};

class CoordinatorState {
 public:
  using Self = Traced<Coordinator, CoordinatorState>;
  std::string name = "coordinator";

  void configure(Self* self, std::shared_ptr<const RunSetup> setup);
  void connect(const Peers& peers);
  void start(const StartRun& start);

 private:
  Async<void> run();
  Async<void> warm_up();             // sft_phase.cc
  Async<void> train_reward_model();  // reward_phase.cc
  Async<void> take_score_statistics();
  Async<void> prepare_reward();
  Async<void> prepare_policy();
  Async<void> prepare_critic();
  Async<void> ppo();  // ppo_phase.cc
  Async<Experience> generate_experience(int64_t step);
  Async<void> train_on(Experience experience, nlohmann::json& metrics);
  // One update per mini-batch.
  Async<std::vector<Update>> train_epoch(TrainedRole& trained, LossSpec loss,
                                         std::vector<MicroBatch> micro_batches, int64_t step,
                                         int64_t epoch);

  // training.cc
  Async<Update> update(TrainedRole& trained, LossSpec loss, std::vector<MicroBatch> micro_batches,
                       RunConfig::Optim::Reader optim, double lr);
  Async<void> load(TrainedRole& trained, LoadWeights load);
  Async<void> resume(TrainedRole& trained);  // from the last checkpoint
  Async<void> publish(int64_t version);
  // Generates responses for the coordinator's own use.
  Async<std::vector<Trajectory>> collect(HandOut hand_out);

  // evaluation.cc
  Async<void> evaluate(nlohmann::json& metrics);
  SamplingSpec training_sampling() const;

  // saving.cc: the policy at the top, others in folders of their own. Weights are copied before
  // any message that is sent later changes them; what takes long is done by the writers.
  Async<void> save(std::string final_dir, std::vector<TrainedRole*> roles, bool with_optimizer,
                   nlohmann::json state);

  void open_logs();
  void report(nlohmann::json metrics, int64_t step, int64_t total_steps);
  void note_work(std::string label, std::chrono::steady_clock::time_point began);
  void end(const std::string& failure);
  RunConfig::Reader config() const { return setup_->config(); }

  Self* self_ = nullptr;
  std::shared_ptr<const RunSetup> setup_;
  Peers peers_;
  StartRun start_;
  RunProgress progress_;  // at the start
  Peer<PromptSource> prompt_source_;
  Peer<LedgerActor> ledger_;
  Peer<Packer> packer_;
  Peer<Reward> reward_;
  Peer<WeightStore> weight_store_;
  TrainedRole policy_, reference_, reward_model_, critic_;
  std::unique_ptr<KlController> kl_controller_;
  SetScoreStatistics score_statistics_;
  std::string base_path_;  // of the model that PPO starts from
  int64_t version_ = 0;
  std::ofstream metrics_file_;
  std::optional<EventFile> event_file_;  // where trainer.logger asks for one
  std::chrono::steady_clock::time_point started_, phase_started_;
  std::string phase_;

  // The checkpoint that writers are at while the next steps run.
  Async<void> saving_;
  Async<void> running_;
};

Coordinator::behavior_type coordinator(CoordinatorState::Self* self,
                                       std::shared_ptr<const RunSetup> setup);

}  // namespace troupe
