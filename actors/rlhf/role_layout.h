// Where the ranks of a role live: its mesh and its schedule, and a node for each rank.
#pragma once

#include <string>
#include <vector>

#include "base/run_config.h"
#include "graph/models/llama_config.h"
#include "graph/parallel/mesh.h"
#include "graph/parallel/schedule.h"
#include "graph/parallel/weight_shards.h"

namespace troupe {

struct RoleRank {
  MeshPoint point;
  std::string address, node;
};

struct RoleLayout {
  Mesh mesh;
  const Schedule* schedule = nullptr;
  ScheduleTable table;  // of a file; empty: the schedule's own
  int num_chunks = 1;
  bool sequence = false;
  Zero zero = Zero::none;
  std::vector<PlacementOverride> overrides;
  std::vector<RoleRank> ranks;  // in rank order (graph/parallel/mesh.h)
};

// `stages`: the nodes that the config names for the role. The policy is laid out by `parallel`,
// other roles as a pipeline over their nodes.
RoleLayout role_layout(const Config& config, const std::string& role,
                       const std::vector<std::string>& stages);

// Refuses, naming key and values, what this model cannot be laid out as: degrees that do not align
// with the one order's slices, more stages than layers, placements that cannot be had.
void check_layout(const Config& config, const LlamaConfig& model, const RoleLayout& layout);

}  // namespace troupe
