#include "actors/rlhf/ledger_actor.h"

#include <algorithm>

#include "actors/request.h"
#include "base/error.h"

namespace troupe {

void LedgerState::record(const Trajectories& batch) {
  for (const auto& trajectory : batch.trajectories) {
    ledger->record(trajectory);
    uncommitted[trajectory.step].push_back(trajectory.key);
  }
}

StageDone LedgerState::commit(const CommitStep& commit) {
  auto keys = uncommitted.extract(commit.step);
  CHECK(keys, commit.step);
  std::sort(keys.mapped().begin(), keys.mapped().end());
  ledger->commit_step(commit.step, keys.mapped());
  return {static_cast<int64_t>(keys.mapped().size())};
}

LedgerActor::behavior_type ledger_actor(Traced<LedgerActor, LedgerState>* self,
                                        LedgerConfig config) {
  auto& state = self->state;
  state.config = std::move(config);
  state.ledger = std::make_unique<Ledger>(state.config.folder);
  return {
      [&state](const Peers& peers) {
        state.packer = peers.find(state.config.packer);
        state.reward = peers.find(state.config.reward);
      },
      [self, &state](const Trajectories& batch) {
        state.record(batch);
        tell(self, state.packer, batch);
        tell(self, state.reward, batch);
      },
      [self, &state](const Scores& scores) {
        state.ledger->record_scores(scores.step, scores.keys, scores.scores);
        tell(self, state.packer, scores);
      },
      [&state](const CommitStep& commit) { return answer([&] { return state.commit(commit); }); },
      [&state](const ForgetStepsAfter& forget) {
        return answer([&] {
          state.ledger->forget_steps_after(forget.step);
          return StageDone{};
        });
      },
  };
}

}  // namespace troupe
