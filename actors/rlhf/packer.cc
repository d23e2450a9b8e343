#include "actors/rlhf/packer.h"

#include <algorithm>
#include <utility>

#include "base/error.h"

namespace troupe {
namespace {

using Clock = std::chrono::steady_clock;

std::vector<Peer<Stage>> stage_peers(const Peers& peers, const std::vector<std::string>& names) {
  std::vector<Peer<Stage>> stages;
  for (const auto& address : names) stages.push_back(peer<Stage>(peers, address));
  return stages;
}

// The rows of the response, of a column with a row per token.
std::vector<float> response_rows(std::span<const float> rows, const Trajectory& trajectory) {
  return {rows.begin() + static_cast<int64_t>(trajectory.prompt_ids.size()) - 1, rows.end()};
}

}  // namespace

void PackerState::add(const Trajectories& batch) {
  for (const auto& trajectory : batch.trajectories) {
    const bool is_new =
        trajectories_.try_emplace(trajectory.key, ScoredTrajectory{trajectory}).second;
    CHECK(is_new, trajectory.key.prompt_id, trajectory.key.sample_index);
  }
  generated_at_ = Clock::now();
}

void PackerState::add(const Scores& scores) {
  for (size_t i = 0; i < scores.keys.size(); ++i) scores_[scores.keys[i]] = scores.scores[i];
}

void PackerState::ask(const MakeExperience& ask, caf::typed_response_promise<Experience> done) {
  CHECK(!done_.pending(), asked_.step, ask.step);
  asked_ = ask;
  asked_at_ = Clock::now();
  times_.clear();
  done_ = std::move(done);
}

bool PackerState::is_complete() const {
  return done_.pending() && sorted_.empty() &&
         static_cast<int64_t>(trajectories_.size()) == asked_.num_trajectories &&
         scores_.size() == trajectories_.size();
}

void PackerState::note_time(const std::string& what, Clock::time_point since) {
  times_[what] = std::chrono::duration<double>(Clock::now() - since).count();
}

void PackerState::note_wait(ActorProbe& probe) {
  probe.got(std::exchange(wait_, 0));
  if (!done_.pending() || is_complete() || !sorted_.empty()) return;
  const auto step = " of step " + std::to_string(asked_.step);
  wait_ = num_missing() > 0
              ? probe.waits_for("rollout", std::to_string(num_missing()) + " trajectories" + step)
              : probe.waits_for("reward", "the scores" + step);
}

std::vector<MicroBatch> PackerState::pack() {
  const std::chrono::duration<double> generating = generated_at_ - asked_at_;
  times_["timing_s/gen"] = std::max(0.0, generating.count());
  note_time("timing_s/reward", std::max(asked_at_, generated_at_));
  std::vector<TrainingSequence> sequences;
  for (auto& [key, scored] : trajectories_) {
    scored.score = scores_.at(key);
    CHECK(scored.trajectory.step == asked_.step, scored.trajectory.step, asked_.step);
    sequences.push_back(
        response_sequence(scored.trajectory.prompt_ids, scored.trajectory.response_ids));
    sorted_.push_back(std::move(scored));
  }
  trajectories_.clear();
  scores_.clear();
  packed_.emplace(std::move(sequences), PackOrder::best_fit, config.max_tokens_per_pack,
                  config.data_slices);
  return packed_->micro_batches();
}

void PackerState::add_reference(const BatchResult& result) {
  for (size_t i = 0; i < sorted_.size(); ++i)
    sorted_[i].reference_log_probs =
        response_rows(packed_->rows(result.outputs, "log_prob", i), sorted_[i].trajectory);
}

void PackerState::add_values(const BatchResult& result) {
  for (size_t i = 0; i < sorted_.size(); ++i)
    sorted_[i].values =
        response_rows(packed_->rows(result.outputs, "values", i), sorted_[i].trajectory);
}

void PackerState::deliver() {
  auto experience_config = config.experience;
  experience_config.shaping.kl_coef = asked_.kl_coef;
  const auto columns = make_experience(experience_config, sorted_);
  Experience experience;
  experience.step = asked_.step;
  experience.num_sequences = static_cast<int64_t>(sorted_.size());
  experience.metrics = columns.metrics;
  experience.metrics.merge(times_);
  experience.mean_kl = columns.mean_kl;
  for (size_t i = 0; i < sorted_.size(); ++i) {
    const auto& scored = sorted_[i];
    const size_t first = scored.trajectory.prompt_ids.size() - 1;
    experience.num_response_tokens += static_cast<int64_t>(scored.trajectory.response_ids.size());
    packed_->set_rows("old_log_prob", i, first, scored.trajectory.log_probs);
    packed_->set_rows("advantage", i, first, columns.responses[i].advantages);
    packed_->set_rows("reference_log_prob", i, first, scored.reference_log_probs);
    packed_->set_rows("old_value", i, first, scored.values);
    packed_->set_rows("return", i, first, columns.responses[i].returns);
  }
  experience.micro_batches = packed_->take();
  packed_.reset();
  sorted_.clear();
  done_.deliver(std::move(experience));
}

void PackerState::fail(const std::string& what) {
  done_.deliver(caf::make_error(ActorError::failed, what));
}

Packer::behavior_type packer(Traced<Packer, PackerState>* self, PackerConfig config) {
  auto& state = self->state;
  state.config = std::move(config);
  const auto fail = [&state](const std::string& what) { state.fail(what); };
  // Reference and critic work at the same time; whoever is last delivers.
  const auto advance = [self, &state, fail] {
    state.note_wait(self->probe());
    if (!state.is_complete()) return;
    const auto micro_batches = state.pack();
    const auto began = Clock::now();
    auto missing = std::make_shared<int>(state.reference.exists() + state.critic.exists());
    const auto one_done = [&state, missing] {
      if (--*missing == 0) state.deliver();
    };
    if (state.reference.exists())
      state.reference.run(
          self, LossSpec{}, micro_batches,
          [&state, one_done, began](BatchResult&& result) {
            state.note_time("timing_s/ref", began);
            state.add_reference(result);
            one_done();
          },
          fail);
    if (state.critic.exists())
      state.critic.run(
          self, LossSpec{}, micro_batches,
          [&state, one_done, began](BatchResult&& result) {
            state.note_time("timing_s/values", began);
            state.add_values(result);
            one_done();
          },
          fail);
    if (*missing == 0) state.deliver();
  };
  return {
      [&state](const Peers& peers) {
        state.reference = Role("reference", stage_peers(peers, state.config.reference_stages), 2);
        state.critic = Role("critic", stage_peers(peers, state.config.critic_stages), 2);
      },
      [&state, advance](const Trajectories& batch) {
        state.add(batch);
        advance();
      },
      [&state, advance](const Scores& scores) {
        state.add(scores);
        advance();
      },
      [self, &state, advance](const MakeExperience& ask) -> caf::result<Experience> {
        auto done = self->make_response_promise<Experience>();
        state.ask(ask, done);
        advance();
        return done;
      },
  };
}

}  // namespace troupe
