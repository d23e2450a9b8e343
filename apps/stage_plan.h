// What a run's stages will run and take, before it starts: the rows of `troupe plan`.
#pragma once

#include <string>
#include <vector>

#include "actors/rlhf/run_setup.h"
#include "graph/parallel/cost_model.h"

namespace troupe {

struct StagePlan {
  std::string role, address, node;
  int64_t kernel_calls = 0;
  double flops = 0;  // of a full micro-batch, forwards and backwards
  double forward_seconds = 0, backward_seconds = 0;
  MemoryForecast memory;
  double sent_bytes = 0;  // of a micro-batch: to other shards and stages
};

struct RolePlan {
  std::string role;
  std::vector<StagePlan> stages;
  int64_t micro_batches = 0;  // of a step, on each data rank, as full as they can be
  double step_seconds = 0, bubble = 0;
};

// The roles that train or score, then the rollout engines, of which only the memory is told.
// A step of the policy: sft.batch_size or rollout.prompts_per_step sequences in packs as long as
// the config allows.
std::vector<RolePlan> role_plans(const RunSetup& setup, const Hardware& hardware);

// What the search is to plan: the policy's training step.
TrainingWork training_work(const RunSetup& setup);

// The program of a rank's first chunk.
Graph program_of(const RunSetup& setup, const std::string& address);

}  // namespace troupe
