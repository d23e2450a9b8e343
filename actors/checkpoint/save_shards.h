// The shards of all stages that one checkpoint is made of.
#pragma once

#include <utility>
#include <vector>

#include "actors/async.h"
#include "actors/checkpoint/shard_json.h"
#include "actors/train/stage.h"

namespace troupe {

struct StageToSave {
  Peer<Stage> stage;
  SaveShard save;
};

// Asks every stage for its shard at once, before anything is awaited: training goes on while shards
// are written, and only a stage that was asked before it is still as it was. Returns the written
// shards in the stages' order; throws the first failure when all have ended.
template <class Self>
Async<std::vector<ShardInfo>> save_shards(Self* self, std::vector<StageToSave> stages) {
  std::vector<Async<ShardsWritten>> writing;
  for (const auto& one : stages)
    writing.push_back([](Self* self, StageToSave one) -> Async<ShardsWritten> {
      auto asked = ask_async<ShardsWritten>(self, one.stage, one.save);
      co_return co_await asked;
    }(self, one));
  auto all_written = await_all(std::move(writing));
  const std::vector<ShardsWritten> written = co_await all_written;
  std::vector<ShardInfo> shards;
  for (const auto& of_stage : written)
    for (const auto& shard : of_stage.shards) shards.push_back(shard_from_json(shard));
  co_return shards;
}

}  // namespace troupe
