#include "actors/process_parts.h"

#include <algorithm>
#include <optional>
#include <thread>

#include "actors/rlhf/kernels_choice.h"
#include "base/error.h"
#include "devices/cpu/pages.h"
#include "devices/cpu/pinning.h"

namespace troupe {
namespace {

std::optional<RunConfig::Node::Reader> config_of(RunConfig::Reader config,
                                                 const std::string& name) {
  for (const auto node : config.getCluster().getNodes())
    if (name == node.getName().cStr()) return node;
  return std::nullopt;
}

// How many cores the node keeps to; 0: any.
int pin(RunConfig::Reader config, const std::string& node) {
  const auto own = config_of(config, node);
  if (!own || config.getCluster().getOneProcess()) return 0;
  const CorePlacement placement = {own->getCores(), own->getNumaNode()};
  if (placement.cores.empty() && placement.numa_node < 0) return 0;
  return pin_process(placement);
}

}  // namespace

std::shared_ptr<const RunSetup> ProcessParts::setup(const NodeContext& node) {
  std::lock_guard lock(mutex_);
  if (setup_) return setup_;
  setup_ = std::make_shared<const RunSetup>(node.run_dir);
  use_kernels(setup_->config());
  allow_huge_pages(setup_->config().getCluster().getHugePages());
  num_pinned_cores_ = pin(setup_->config(), node.node);
  return setup_;
}

int ProcessParts::compute_threads(const NodeContext& node) const {
  if (num_pinned_cores_ == 0) return node.compute_threads;
  const auto own = config_of(setup_->config(), node.node);
  return own->getComputeThreads() > 0 ? node.compute_threads : num_pinned_cores_;
}

std::shared_ptr<Compute> ProcessParts::compute(NodeContext& node) {
  std::lock_guard lock(mutex_);
  if (compute_) return compute_;
  const auto cores = static_cast<int>(std::thread::hardware_concurrency());
  const auto nodes = std::max<int>(1, static_cast<int>(node.plan.nodes.size()));
  compute_ =
      std::make_shared<Compute>(compute_threads(node), std::max(1, cores / nodes), node.core_gate);
  return compute_;
}

}  // namespace troupe
