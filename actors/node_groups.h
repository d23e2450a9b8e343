// The groups of ranks that a node's stages join.
#pragma once

#include <memory>

#include "actors/cluster/node_host.h"
#include "actors/train/groups.h"

namespace troupe {

// Over shared memory where all members receive in one folder, by the data plane elsewhere.
std::unique_ptr<Communicator> make_group(NodeContext& node, GroupWanted wanted);

}  // namespace troupe
