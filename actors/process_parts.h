// What the actors of one process share, made by whichever comes first: the run's setup, and the
// right to compute.
#pragma once

#include <memory>
#include <mutex>

#include "actors/cluster/node_host.h"
#include "actors/rlhf/run_setup.h"
#include "devices/cpu/compute.h"

namespace troupe {

class ProcessParts {
 public:
  // Makes the process follow the run's config, too: the kernels, the pages, the cores.
  std::shared_ptr<const RunSetup> setup(const NodeContext& node);
  std::shared_ptr<Compute> compute(NodeContext& node);

 private:
  int compute_threads(const NodeContext& node) const;

  std::mutex mutex_;
  std::shared_ptr<const RunSetup> setup_;
  std::shared_ptr<Compute> compute_;
  int num_pinned_cores_ = 0;  // 0: any
};

}  // namespace troupe
