// Notes every trajectory before anyone acts on it, passes it on to those who judge it, and notes in
// which step it is trained on.
#pragma once

#include <caf/all.hpp>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "actors/messages.h"
#include "actors/trace/traced.h"
#include "storage/ledger/ledger.h"

namespace troupe {

using LedgerActor =
    caf::typed_actor<caf::reacts_to<Peers>, caf::reacts_to<Trajectories>, caf::reacts_to<Scores>,
                     caf::replies_to<CommitStep>::with<StageDone>,
                     caf::replies_to<ForgetStepsAfter>::with<StageDone>>;

struct LedgerConfig {
  std::string folder;  // the run's ledger/
  std::string packer, reward;
};

struct LedgerState {
  std::string name = "ledger";
  LedgerConfig config;
  std::unique_ptr<Ledger> ledger;
  caf::strong_actor_ptr packer, reward;
  std::map<int64_t, std::vector<TrajectoryKey>> uncommitted;  // by step

  void record(const Trajectories& batch);
  StageDone commit(const CommitStep& commit);
};

LedgerActor::behavior_type ledger_actor(Traced<LedgerActor, LedgerState>* self,
                                        LedgerConfig config);

}  // namespace troupe
