// Messages of prompt sources and rollout engines. To add one: a struct with default member values,
// a TROUPE_MESSAGE line naming its members, and its name in the list at the end.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "actors/message.h"
#include "base/trajectory.h"

namespace troupe {

TROUPE_MESSAGE(TrajectoryKey, x.prompt_id, x.sample_index)
TROUPE_MESSAGE(Trajectory, x.key, x.step, x.weight_version, x.prompt_ids, x.response_ids,
               x.log_probs, x.truncated, x.answer)

// How responses are drawn. Temperature 0 is greedy.
struct SamplingSpec {
  double temperature = 1;
  int32_t top_k = 0;
  double top_p = 1, min_p = 0;
  int64_t max_new_tokens = 0;
  bool ignore_eos = false;
};
TROUPE_MESSAGE(SamplingSpec, x.temperature, x.top_k, x.top_p, x.min_p, x.max_new_tokens,
               x.ignore_eos)

// What a group of prompts is for: each use has its own prompts and noise.
enum class PromptUse : uint8_t { training, preference_pool, evaluation };

// To the prompt source: send prompts [first_prompt, first_prompt + num_prompts) of this use to the
// rollout engines; responses go to `receiver`, as Trajectories. The reply is HandedOut.
struct HandOut {
  PromptUse use = PromptUse::training;
  int64_t step = 0;
  int64_t first_prompt = 0;
  int64_t num_prompts = 0;
  int32_t samples_per_prompt = 1;
  SamplingSpec sampling;
  caf::strong_actor_ptr receiver;
};
TROUPE_MESSAGE(HandOut, x.use, x.step, x.first_prompt, x.num_prompts, x.samples_per_prompt,
               x.sampling, x.receiver)

// To the prompt source: the same for the asker's own use. The reply is Trajectories, when all
// responses are there, sorted by key.
struct Collect {
  HandOut hand_out;  // its receiver is left out
};
TROUPE_MESSAGE(Collect, x.hand_out)

struct HandedOut {
  int64_t num_trajectories = 0;
};
TROUPE_MESSAGE(HandedOut, x.num_trajectories)

// One sequence to generate.
struct PromptTask {
  TrajectoryKey key;
  std::vector<int32_t> prompt_ids;
  std::string answer;
};
TROUPE_MESSAGE(PromptTask, x.key, x.prompt_ids, x.answer)

// Prompt source to rollout engine.
struct Generate {
  PromptUse use = PromptUse::training;
  int64_t step = 0;
  SamplingSpec sampling;
  std::vector<PromptTask> prompts;
  caf::strong_actor_ptr receiver;
};
TROUPE_MESSAGE(Generate, x.use, x.step, x.sampling, x.prompts, x.receiver)

// Rollout engine to whoever was named: sequences that ended.
struct Trajectories {
  PromptUse use = PromptUse::training;
  int64_t step = 0;
  std::vector<Trajectory> trajectories;
};
TROUPE_MESSAGE(Trajectories, x.use, x.step, x.trajectories)

// A rollout engine to itself: run the next step of the batch.
struct NextStep {};
TROUPE_MESSAGE(NextStep)

// To the prompt source: demonstrations [first, first + count). The reply is Examples.
struct TakeDemonstrations {
  int64_t first = 0;
  int64_t count = 0;
};
TROUPE_MESSAGE(TakeDemonstrations, x.first, x.count)

// To the prompt source: preference pairs [first, first + count), made from two samples of the
// policy for each of its pool prompts. The reply is Examples: chosen and rejected by turns.
struct TakePreferencePairs {
  int64_t first = 0;
  int64_t count = 0;
};
TROUPE_MESSAGE(TakePreferencePairs, x.first, x.count)

// To the prompt source: samples of the policy for pool prompts, for pairs to be made of.
struct KeepSamples {
  Trajectories samples;
};
TROUPE_MESSAGE(KeepSamples, x.samples)

struct Example {
  std::vector<int32_t> prompt_ids, response_ids;
};
TROUPE_MESSAGE(Example, x.prompt_ids, x.response_ids)

struct Examples {
  std::vector<Example> examples;
};
TROUPE_MESSAGE(Examples, x.examples)

}  // namespace troupe

// By hand: clang-format lays such lists out anew each time that it runs.
// clang-format off
#define TROUPE_ROLLOUT_MESSAGES(ADD) \
  ADD(TrajectoryKey) ADD(Trajectory) ADD(SamplingSpec) ADD(HandOut) ADD(Collect) \
  ADD(HandedOut) ADD(PromptTask) ADD(Generate) ADD(Trajectories) ADD(NextStep) \
  ADD(TakeDemonstrations) ADD(TakePreferencePairs) ADD(KeepSamples) ADD(Example) \
  ADD(Examples)
// clang-format on
