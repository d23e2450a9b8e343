#include "actors/rollout/rollout_engine.h"

#include "actors/request.h"
#include "base/error.h"

namespace troupe {
namespace {

Purpose purpose_of(PromptUse use) {
  switch (use) {
    case PromptUse::preference_pool:
      return Purpose::kPreference;
    case PromptUse::evaluation:
      return Purpose::kEvaluation;
    case PromptUse::training:
      break;
  }
  return Purpose::kSampling;
}

SamplingOptions sampling_options(const SamplingSpec& spec) {
  SamplingOptions options;
  options.temperature = static_cast<float>(spec.temperature);
  options.top_k = spec.top_k;
  options.top_p = static_cast<float>(spec.top_p);
  options.min_p = static_cast<float>(spec.min_p);
  return options;
}

}  // namespace

void RolloutEngineState::configure(RolloutEngineConfig config, ActorProbe* probe) {
  config_ = std::move(config);
  probe_ = probe;
  name = config_.address;
  generator_ = std::make_unique<Generator>(config_.model, config_.options, config_.compute->pool());
}

void RolloutEngineState::receive(const TensorMessage& message) {
  if (message.sequence != arrived_version_) {
    CHECK(message.sequence > arrived_version_, name, message.sequence, arrived_version_);
    arrived_.clear();
    arrived_version_ = message.sequence;
  }
  arrived_[message.stream] = message.tensor;
}

void RolloutEngineState::announce(const VersionComing& coming) {
  CHECK(coming.version > version_, name, coming.version, version_);
  coming_ = coming;
}

std::optional<VersionLoaded> RolloutEngineState::load_if_complete() {
  const bool complete = coming_.version > version_ && arrived_version_ == coming_.version &&
                        static_cast<int64_t>(arrived_.size()) == coming_.num_weights;
  if (!complete) return std::nullopt;
  auto lease = config_.compute->lease();
  for (const auto& [weight, tensor] : arrived_)
    generator_->parameters().set(weight, tensor.as<float>(), config_.compute->pool());
  generator_->drop_caches();
  arrived_.clear();
  version_ = coming_.version;
  probe_->gauge("weight_version", static_cast<double>(version_));
  return VersionLoaded{version_, name};
}

void RolloutEngineState::note_load() {
  probe_->gauge("samples_in_flight", static_cast<double>(pending_.size()));
  probe_->gauge("kv_use", generator_->cache_use());
}

void RolloutEngineState::submit(const Generate& work) {
  CHECK(version_ >= 0, name, work.step);
  for (const auto& prompt : work.prompts) {
    GenerationRequest request;
    request.tag = next_tag_++;
    request.key = prompt.key;
    request.prompt_ids = prompt.prompt_ids;
    request.sampling = sampling_options(work.sampling);
    request.seed = config_.seed;
    request.purpose = purpose_of(work.use);
    request.max_new_tokens = work.sampling.max_new_tokens;
    if (!work.sampling.ignore_eos) request.end_ids = config_.end_ids;
    auto& pending = pending_[request.tag];
    pending.use = work.use;
    pending.receiver = work.receiver;
    pending.trajectory.key = prompt.key;
    pending.trajectory.step = work.step;
    pending.trajectory.prompt_ids = prompt.prompt_ids;
    pending.trajectory.answer = prompt.answer;
    generator_->submit(std::move(request));
  }
  note_load();
}

std::vector<std::pair<caf::strong_actor_ptr, Trajectories>> RolloutEngineState::step() {
  std::vector<GenerationResult> results;
  {
    auto lease = config_.compute->lease();
    results = generator_->step();
  }
  std::vector<std::pair<caf::strong_actor_ptr, Trajectories>> messages;
  for (auto& result : results) {
    auto pending = std::move(pending_.extract(result.tag).mapped());
    pending.trajectory.weight_version = version_;
    pending.trajectory.response_ids = std::move(result.response_ids);
    pending.trajectory.log_probs = std::move(result.log_probs);
    pending.trajectory.truncated = result.truncated;
    const int64_t step = pending.trajectory.step;
    const bool joins = !messages.empty() && messages.back().first == pending.receiver &&
                       messages.back().second.step == step &&
                       messages.back().second.use == pending.use;
    if (!joins) messages.push_back({pending.receiver, {pending.use, step, {}}});
    messages.back().second.trajectories.push_back(std::move(pending.trajectory));
  }
  note_load();
  return messages;
}

RolloutEngine::behavior_type rollout_engine(Traced<RolloutEngine, RolloutEngineState>* self,
                                            RolloutEngineConfig config) {
  auto& state = self->state;
  state.configure(std::move(config), &self->probe());
  const auto load_if_complete = [self, &state] {
    if (auto loaded = state.load_if_complete()) tell(self, state.weight_store(), *loaded);
  };
  return {
      [=, &state](const TensorMessage& message) {
        state.receive(message);
        load_if_complete();
      },
      [=, &state](const VersionComing& coming) {
        state.announce(coming);
        load_if_complete();
      },
      [self, &state](const Generate& work) {
        state.submit(work);
        if (state.is_stepping || state.is_idle()) return;
        state.is_stepping = true;
        self->send(self, NextStep{});
      },
      [self, &state](NextStep) {
        for (auto& [receiver, trajectories] : state.step())
          tell(self, receiver, std::move(trajectories));
        state.is_stepping = !state.is_idle();
        if (state.is_stepping) self->send(self, NextStep{});
      },
  };
}

}  // namespace troupe
