// The ledger of a run: which trajectories there were, how they were judged, and in which step each
// was trained on. An append-only journal of events; the state is what replaying it gives.
#pragma once

#include <map>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "base/trajectory.h"
#include "storage/journal/journal.h"

namespace troupe {

class Ledger {
 public:
  explicit Ledger(const std::string& folder) : journal_(folder) {}

  void record(const Trajectory& trajectory);
  void record_scores(int64_t step, std::span<const TrajectoryKey> keys,
                     std::span<const float> scores);
  // On the disk when this returns: nobody may act on the step before.
  void commit_step(int64_t step, std::span<const TrajectoryKey> keys);
  // The run goes on from a checkpoint: nothing that was noted of later steps counts.
  void forget_steps_after(int64_t step);

 private:
  Journal journal_;
};

// A trajectory and what became of it.
struct LedgerEntry {
  Trajectory trajectory;
  std::optional<float> score;
  std::vector<int64_t> steps_trained;  // exactly one, if all went well
};

// Everything in a run's ledger, by key. Throws if there is no ledger in the folder.
std::map<TrajectoryKey, LedgerEntry> read_ledger(const std::string& folder);

}  // namespace troupe
