#include "graph/autodiff.h"

#include <gtest/gtest.h>

#include "base/error.h"
#include "devices/cpu/thread_pool.h"
#include "graph/program.h"
#include "kernels/elementwise/add.h"
#include "tests/graph/tiny_llama.h"

namespace troupe {
namespace {

ValueId hidden_input(Graph& graph) {
  return graph.input("hidden", {kTokens, 1}, DType::f32);
}

TEST(AutodiffTest, AValueUsedSeveralTimesSumsItsGradients) {
  Graph graph;
  const auto x = hidden_input(graph);
  const auto twice = graph.apply_one(add_op, {x, x});
  graph.set_output("y", graph.apply_one(add_op, {twice, x}));  // 3 x
  append_backward(graph, {"y"}, "hidden");

  ThreadPool pool(1);
  const Graph* graphs[] = {&graph};
  Parameters parameters(graphs, Trainable::no);
  Program program(graph, Lifetime::forward_and_backward);
  KernelContext context;
  context.pool = &pool;
  troupe::Run run(program, parameters, nullptr, context, 2);
  const std::vector<float> values = {5, 7}, gradient = {1, 10};
  run.bind("hidden", values.data());
  run.bind("gradient_of/y", gradient.data());
  run.forward();
  EXPECT_EQ(run.output("y").as<float>()[1], 21);
  run.backward();
  EXPECT_EQ(run.output("gradient_of/hidden").as<float>()[0], 3);
  EXPECT_EQ(run.output("gradient_of/hidden").as<float>()[1], 30);
}

TEST(AutodiffTest, WhatNoGradientReachesIsLeftOut) {
  Graph graph;
  const auto x = hidden_input(graph);
  graph.apply_one(add_op, {x, x});  // read by nobody
  graph.set_output("y", graph.apply_one(add_op, {x, x}));
  append_backward(graph, {"y"}, "hidden");
  EXPECT_EQ(graph.num_forward_nodes(), 2u);
  EXPECT_EQ(graph.nodes().size(), 3u);  // one addition of two gradients
}

TEST(AutodiffTest, RecomputedLayersKeepTheirInputsAndNoMore) {
  auto config = tiny_llama_config();
  config.num_hidden_layers = 12;
  auto kept = llama(config, {}), recomputed = kept;
  append_backward(kept, {"log_prob", "entropy"});
  append_backward(recomputed, {"log_prob", "entropy"}, "", Recompute::layer);
  constexpr int64_t kTokensOfPack = 1024;
  const auto bytes = [](const Graph& graph) {
    return plan_memory(graph, Lifetime::forward_and_backward, kTokensOfPack).arena_bytes;
  };
  const int64_t row = config.hidden_size * kTokensOfPack * 4;
  const int64_t one_layer = (bytes(kept) - 12 * row) / 12;
  EXPECT_LT(bytes(recomputed), 12 * row + 2 * one_layer);
  EXPECT_GT(bytes(kept), 3 * bytes(recomputed));
  // A layer's last product, and the sum with the residual, are not needed again.
  const size_t forward = kept.num_forward_nodes(), per_layer = (forward - 3) / 12;
  EXPECT_EQ(recomputed.nodes().size(), kept.nodes().size() + 12 * (per_layer - 2) + 1);
}

TEST(AutodiffTest, RecomputedAttentionKeepsItsInputAndTheRestOfTheLayer) {
  auto config = tiny_llama_config();
  config.num_hidden_layers = 12;
  auto kept = llama(config, {}), recomputed = kept;
  append_backward(kept, {"log_prob", "entropy"});
  append_backward(recomputed, {"log_prob", "entropy"}, "", Recompute::attention);
  constexpr int64_t kTokensOfPack = 1024;
  const auto bytes = [](const Graph& graph) {
    return plan_memory(graph, Lifetime::forward_and_backward, kTokensOfPack).arena_bytes;
  };
  // Of queries, keys, values, their rotations, outputs and log-sum-exps eleven layers keep nothing.
  const int64_t q = int64_t{config.num_attention_heads} * config.head_dim;
  const int64_t k = int64_t{config.num_key_value_heads} * config.head_dim;
  const int64_t saved = 2 * q + 2 * k + config.num_attention_heads;
  EXPECT_LE(bytes(recomputed), bytes(kept) - 11 * saved * kTokensOfPack * 4);
  // The products, two rotations and attention come once more in each layer.
  EXPECT_EQ(recomputed.nodes().size(), kept.nodes().size() + 12 * 4);
}

TEST(AutodiffTest, EveryWeightOfAModelGainsAGradient) {
  for (const bool tied : {false, true}) {
    auto graph = llama(tiny_llama_config(tied), {});
    append_backward(graph, {"log_prob", "entropy"});
    EXPECT_EQ(graph.values_of_kind(ValueKind::weight_gradient).size(),
              graph.values_of_kind(ValueKind::weight).size());
    EXPECT_NE(graph.find_input("gradient_of/log_prob"), kNoSymbol);
    EXPECT_NE(graph.find_input("gradient_of/entropy"), kNoSymbol);
  }
}

TEST(AutodiffTest, AHiddenInputThatNothingReachesOrNobodyKnowsIsRefused) {
  Graph graph;
  const auto x = hidden_input(graph);
  const auto other = graph.input("other", {kTokens, 1}, DType::f32);
  graph.set_output("y", graph.apply_one(add_op, {other, other}));
  (void)x;
  auto again = graph;
  EXPECT_THROW(append_backward(graph, {"y"}, "hidden"), Error);
  EXPECT_THROW(append_backward(again, {"y"}, "hiden"), Error);
}

}  // namespace
}  // namespace troupe
