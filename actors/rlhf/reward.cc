#include "actors/rlhf/reward.h"

#include <algorithm>

#include "actors/train/packed_sequences.h"

namespace troupe {
namespace {

Scores keys_of(const Trajectories& batch) {
  Scores scores;
  scores.step = batch.step;
  for (const auto& trajectory : batch.trajectories) scores.keys.push_back(trajectory.key);
  return scores;
}

// The whole sequence: the score is read at its last token.
TrainingSequence whole_sequence(const Trajectory& trajectory) {
  TrainingSequence sequence = {trajectory.prompt_ids, {}, {}};
  sequence.token_ids.insert(sequence.token_ids.end(), trajectory.response_ids.begin(),
                            trajectory.response_ids.end());
  return sequence;
}

// Asks the reward model for the batch's raw scores.
template <class OnScores>
void by_model(Traced<Reward, RewardState>* self, const Trajectories& batch, OnScores on_scores,
              OnFailure on_failure) {
  std::vector<TrainingSequence> sequences;
  for (const auto& trajectory : batch.trajectories) sequences.push_back(whole_sequence(trajectory));
  auto packed = std::make_shared<PackedSequences>(std::move(sequences), PackOrder::in_order,
                                                  self->state.config.max_tokens_per_pack, 1);
  self->state.model.run(
      self, LossSpec{}, packed->micro_batches(),
      [packed, scores = keys_of(batch), on_scores](BatchResult&& result) mutable {
        for (size_t i = 0; i < packed->num_sequences(); ++i)
          scores.scores.push_back(packed->rows(result.outputs, "values", i).back());
        on_scores(std::move(scores));
      },
      std::move(on_failure));
}

}  // namespace

float RewardState::finish(double raw) const {
  const double score = normalisation.apply(raw);
  const double limit = config.score_clip;
  return static_cast<float>(limit > 0 ? std::clamp(score, -limit, limit) : score);
}

Scores RewardState::by_rule(const Trajectories& batch) const {
  Scores scores = keys_of(batch);
  for (const auto& trajectory : batch.trajectories)
    scores.scores.push_back(static_cast<float>(config.rule(trajectory)));
  return scores;
}

Reward::behavior_type reward(Traced<Reward, RewardState>* self, RewardConfig config) {
  auto& state = self->state;
  state.config = std::move(config);
  // Scores a batch, by whichever way this run has.
  const auto score = [self, &state](const Trajectories& batch, auto on_scores,
                                    OnFailure on_failure) {
    if (state.config.rule) return on_scores(state.by_rule(batch));
    by_model(self, batch, std::move(on_scores), std::move(on_failure));
  };
  const auto give_up = [self](const std::string& what) {
    self->quit(caf::make_error(ActorError::failed, what));
  };
  return {
      [&state](const Peers& peers) {
        state.ledger = peers.find(state.config.ledger);
        std::vector<Peer<Stage>> stages;
        for (const auto& address : state.config.stages)
          stages.push_back(peer<Stage>(peers, address));
        state.model = Role("reward", std::move(stages), 1);
      },
      [=, &state](const Trajectories& batch) {
        score(
            batch,
            [self, &state](Scores&& scores) {
              for (float& value : scores.scores) value = state.finish(value);
              tell(self, state.ledger, scores);
            },
            give_up);
      },
      [=, &state](const ScoreTrajectories& ask) -> caf::result<Scores> {
        auto done = self->make_response_promise<Scores>();
        score(
            ask.batch,
            [done, raw = ask.raw, &state](Scores&& scores) mutable {
              if (!raw)
                for (float& value : scores.scores) value = state.finish(value);
              done.deliver(std::move(scores));
            },
            [done](const std::string& what) mutable {
              done.deliver(caf::make_error(ActorError::failed, what));
            });
        return done;
      },
      [&state](const SetScoreStatistics& statistics) {
        state.normalisation = {statistics.mean, statistics.deviation};
        return StageDone{};
      },
  };
}

}  // namespace troupe
