// Which collectives a plan makes.
#include "graph/parallel/partition.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <set>
#include <string_view>

#include "base/error.h"
#include "graph/training/stage_model.h"
#include "tests/graph/tiny_llama.h"

namespace troupe {
namespace {

std::set<std::string_view> ops_of(bool sequence, const std::vector<std::string>& whole = {}) {
  StageOptions options;
  options.trainable = Trainable::yes;
  options.place.tensor_degree = 2;
  options.place.sequence = sequence;
  for (const auto& pattern : whole) options.place.overrides.push_back({pattern, replicate()});
  std::set<std::string_view> ops;
  const Graph graph = stage_graph(tiny_llama_config(), options);
  for (const GraphNode& node : graph.nodes()) ops.insert(node.op->name);
  return ops;
}

TEST(PartitionTest, TheFamilysPlanSumsAndUnderSequenceParallelismGathersTokens) {
  EXPECT_TRUE(ops_of(false).contains("all_reduce"));
  EXPECT_FALSE(ops_of(false).contains("all_gather"));
  EXPECT_TRUE(ops_of(true).contains("all_gather") && ops_of(true).contains("reduce_scatter"));
  for (bool sequence : {false, true})
    for (const char* columns : {"take_columns", "gather_columns", "tokens_to_columns"})
      EXPECT_FALSE(ops_of(sequence).contains(columns)) << columns;
}

TEST(PartitionTest, AWholeWeightBeforeACutOneHasItsResultCutAndTheGradientGathered) {
  const auto ops = ops_of(false, {"*.gate_proj.weight", "*.up_proj.weight"});
  EXPECT_TRUE(ops.contains("take_columns") && ops.contains("gather_columns"));
}

// Each shard computes its tokens' rows with whole weights, and turns them into columns.
TEST(PartitionTest, UnderSequenceParallelismTokensAndColumnsAreExchanged) {
  const auto ops = ops_of(true, {"*.gate_proj.weight", "*.up_proj.weight"});
  EXPECT_TRUE(ops.contains("tokens_to_columns") && ops.contains("columns_to_tokens"));
}

TEST(PartitionTest, PlacementsThatDoNotFitTogetherAreRefusedWithTheirWeights) {
  try {
    ops_of(false, {"*.k_proj.weight"});
    ADD_FAILURE() << "was not refused";
  } catch (const Error& error) {
    EXPECT_THAT(error.what(),
                testing::HasSubstr("model.layers.0.self_attn.q_proj.weight [32, 32] shard(0), "
                                   "model.layers.0.self_attn.k_proj.weight [16, 32] replicate"));
  }
}

}  // namespace
}  // namespace troupe
