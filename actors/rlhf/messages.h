// Messages of ledger, packer, reward and coordinator. To add one: a struct with default member
// values, a TROUPE_MESSAGE line naming its members, and its name in the list at the end.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "actors/message.h"
#include "actors/rollout/messages.h"
#include "actors/train/messages.h"

namespace troupe {

// Reward to ledger and packer: a score for each trajectory, after centring, scaling and clipping.
struct Scores {
  int64_t step = 0;
  std::vector<TrajectoryKey> keys;
  std::vector<float> scores;
};
TROUPE_MESSAGE(Scores, x.step, x.keys, x.scores)

// To the reward: score these; the reply is Scores. Raw scores are neither centred nor clipped.
struct ScoreTrajectories {
  Trajectories batch;
  bool raw = false;
};
TROUPE_MESSAGE(ScoreTrajectories, x.batch, x.raw)

// To the reward, before PPO: its scores become (score - mean) / deviation. The reply is StageDone.
struct SetScoreStatistics {
  double mean = 0, deviation = 1;
};
TROUPE_MESSAGE(SetScoreStatistics, x.mean, x.deviation)

// Coordinator to packer: make the experience of this step out of so many trajectories, with this
// weight of the KL penalty. The reply is Experience, when it is complete.
struct MakeExperience {
  int64_t step = 0;
  int64_t num_trajectories = 0;
  double kl_coef = 0;
};
TROUPE_MESSAGE(MakeExperience, x.step, x.num_trajectories, x.kl_coef)

// All that a step trains on, sorted by trajectory key and packed.
struct Experience {
  int64_t step = 0;
  std::vector<MicroBatch> micro_batches;
  int64_t num_response_tokens = 0;
  int64_t num_sequences = 0;
  std::map<std::string, double> metrics;  // verl's names
  double mean_kl = 0;                     // nats per token, mean over responses
};
TROUPE_MESSAGE(Experience, x.step, x.micro_batches, x.num_response_tokens, x.num_sequences,
               x.metrics, x.mean_kl)

// Coordinator to ledger, before anyone acts on it: these trajectories are trained on in this step
// and never again. The reply is StageDone.
struct CommitStep {
  int64_t step = 0;
};
TROUPE_MESSAGE(CommitStep, x.step)

// Coordinator to ledger, when a run goes on from a checkpoint: what stands there of later steps did
// not happen. The reply is StageDone.
struct ForgetStepsAfter {
  int64_t step = 0;
};
TROUPE_MESSAGE(ForgetStepsAfter, x.step)

// Coordinator to the launcher's reporter: a line of metrics.jsonl, and what a progress bar shows.
struct StepMetrics {
  std::string metrics;  // a JSON object
  int64_t step = 0, total_steps = 0;
};
TROUPE_MESSAGE(StepMetrics, x.metrics, x.step, x.total_steps)

// Starts the run; sent to the coordinator once everybody is there.
struct StartRun {
  caf::strong_actor_ptr supervisor;
  caf::strong_actor_ptr reporter;
};
TROUPE_MESSAGE(StartRun, x.supervisor, x.reporter)

}  // namespace troupe

// By hand: clang-format lays such lists out anew each time that it runs.
// clang-format off
#define TROUPE_RLHF_MESSAGES(ADD) \
  ADD(Scores) ADD(ScoreTrajectories) ADD(SetScoreStatistics) ADD(MakeExperience) \
  ADD(Experience) ADD(CommitStep) ADD(ForgetStepsAfter) ADD(StepMetrics) ADD(StartRun)
// clang-format on
