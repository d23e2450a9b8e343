#include "graph/cut.h"

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <numeric>

#include "base/error.h"
#include "kernels/elementwise/add.h"
#include "tests/graph/tiny_llama.h"

namespace troupe {
namespace {

// A chain x + x, ... with one node in each of `num_blocks` blocks.
Graph chain(int num_blocks) {
  Graph graph;
  ValueId x = graph.input("x", {kTokens, 4}, DType::f32);
  for (int block = 0; block < num_blocks; ++block) {
    graph.set_block(block);
    x = graph.apply_one(add_op, {x, x});
  }
  graph.set_output("y", x);
  return graph;
}

TEST(CutTest, EachPartHandsItsHiddenStateToTheNext) {
  const auto parts = cut_at_blocks(chain(5), {0, 2, 3});
  ASSERT_EQ(parts.size(), 3u);
  EXPECT_EQ(parts[0].nodes().size(), 2u);
  EXPECT_EQ(parts[1].nodes().size(), 1u);
  EXPECT_EQ(parts[2].nodes().size(), 2u);
  EXPECT_NE(parts[0].find_input("x"), kNoSymbol);
  EXPECT_EQ(parts[0].find_input("hidden"), kNoSymbol);
  EXPECT_EQ(parts[0].output("hidden"), parts[0].nodes().back().outputs[0]);
  EXPECT_EQ(parts[1].find_input("x"), kNoSymbol);
  EXPECT_EQ(parts[1].nodes()[0].inputs[0], parts[1].find_input("hidden"));
  EXPECT_TRUE(parts[1].has_output("hidden"));
  EXPECT_FALSE(parts[0].has_output("y"));
  EXPECT_TRUE(parts[2].has_output("y"));
  EXPECT_FALSE(parts[2].has_output("hidden"));
}

TEST(CutTest, EveryWeightOfAModelIsInOnePartButATiedOneInBothEnds) {
  const auto config = tiny_llama_config();
  const auto parts = cut_at_blocks(llama(config, {}), {0, 1, 2});
  std::map<std::string, std::vector<size_t>> parts_of;
  for (size_t part = 0; part < parts.size(); ++part)
    for (ValueId id : parts[part].values_of_kind(ValueKind::weight))
      parts_of[parts[part].value(id).name].push_back(part);
  EXPECT_EQ(parts_of.at("model.embed_tokens.weight"), (std::vector<size_t>{0, 2}));
  EXPECT_EQ(parts_of.at("model.layers.1.mlp.down_proj.weight"), (std::vector<size_t>{1}));
  EXPECT_EQ(parts_of.at("model.norm.weight"), (std::vector<size_t>{2}));
  parts_of.erase("model.embed_tokens.weight");
  for (const auto& [name, in] : parts_of) EXPECT_EQ(in.size(), 1u) << name;
}

TEST(CutTest, TwoActivationsAcrossACutAreRefused) {
  Graph graph;
  const auto x = graph.input("x", {kTokens, 4}, DType::f32);
  const auto a = graph.apply_one(add_op, {x, x}), b = graph.apply_one(add_op, {a, x});
  graph.set_block(1);
  graph.set_output("y", graph.apply_one(add_op, {a, b}));
  EXPECT_THROW(cut_at_blocks(graph, {0, 1}), Error);
}

TEST(CutTest, AnActivationThatSkipsAPartIsRefused) {
  Graph graph;
  const auto x = graph.input("x", {kTokens, 4}, DType::f32);
  const auto a = graph.apply_one(add_op, {x, x});
  graph.set_block(1);
  const auto b = graph.apply_one(add_op, {a, a});
  graph.set_block(2);
  graph.set_output("y", graph.apply_one(add_op, {a, b}));
  EXPECT_THROW(cut_at_blocks(graph, {0, 1, 2}), Error);
}

RC_GTEST_PROP(CutTest, StagesAreAsEvenAsCanBeTheLargerFirst, ()) {
  const int num_stages = *rc::gen::inRange(1, 20), num_layers = *rc::gen::inRange(num_stages, 100);
  auto first_blocks = even_stages(num_layers, num_stages);
  RC_ASSERT(first_blocks.size() == static_cast<size_t>(num_stages) && first_blocks[0] == 0);
  first_blocks.push_back(num_layers);
  std::vector<int> sizes;
  for (int stage = 0; stage < num_stages; ++stage)
    sizes.push_back(first_blocks[stage + 1] - first_blocks[stage]);
  RC_ASSERT(sizes.back() >= 1);
  RC_ASSERT(sizes.front() - sizes.back() <= 1);
  RC_ASSERT(*std::min_element(sizes.begin(), sizes.end()) >= num_layers / num_stages);
  RC_ASSERT(*std::max_element(sizes.begin(), sizes.end()) <= num_layers / num_stages + 1);
}

TEST(CutTest, MoreStagesThanLayersAreRefused) {
  EXPECT_THROW(even_stages(2, 3), Error);
  EXPECT_THROW(even_stages(2, 0), Error);
}

}  // namespace
}  // namespace troupe
