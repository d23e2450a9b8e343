// How far a run has come, as its folder shows it: which phases are done and the last committed
// checkpoint. A run that is started anew finds nothing, one that was killed goes on from there.
#pragma once

#include <cstdint>
#include <fstream>
#include <nlohmann/json.hpp>
#include <string>

namespace troupe {

class RunSetup;

struct RunProgress {
  bool has_sft = false, has_reward = false;         // phases/sft, phases/reward are there, whole
  int64_t step = 0;                                 // of PPO, that the last checkpoint ends
  std::string checkpoint;                           // its folder; empty: none yet
  nlohmann::json state = nlohmann::json::object();  // its state.json

  bool is_done(const RunSetup& setup) const;
  std::string phase_done() const;  // "after the warm-up", of a run without a checkpoint
};

// Throws an Error that names the file if a checkpoint or a phase is not as its manifest says.
RunProgress read_progress(const RunSetup& setup);

// metrics.jsonl, to be gone on with: what it tells of later steps than `progress` is taken out.
std::ofstream open_metrics(const std::string& path, const RunProgress& progress);

}  // namespace troupe
