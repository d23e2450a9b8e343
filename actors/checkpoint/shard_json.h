// A written shard's description on its way from writer to coordinator.
#pragma once

#include <string>

#include "storage/checkpoint/checkpoint.h"

namespace troupe {

std::string to_json(const ShardInfo& shard);
ShardInfo shard_from_json(const std::string& text);  // throws on malformed text

}  // namespace troupe
