#include "graph/fuse.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cstring>

#include "devices/cpu/thread_pool.h"
#include "graph/autodiff.h"
#include "graph/parallel/split_backward.h"
#include "graph/program.h"
#include "kernels/elementwise/add.h"
#include "kernels/elementwise/add_bias.h"
#include "kernels/elementwise/swiglu.h"
#include "kernels/matmul/linear.h"
#include "kernels/matmul/linear_group.h"
#include "kernels/norm/add_rms_norm.h"
#include "kernels/norm/rms_norm.h"
#include "tests/graph/tiny_llama.h"

namespace troupe {
namespace {

int64_t count(const Graph& graph, const OpDef& op) {
  return std::ranges::count(graph.nodes(), &op, &GraphNode::op);
}

LlamaConfig config_with(bool biases) {
  auto config = tiny_llama_config();
  config.attention_bias = config.mlp_bias = biases;
  return config;
}

// A new model's biases are all 0.
WeightReader weights_of(const LlamaConfig& config) {
  return [reader = lively_weights(config)](const std::string& name, std::span<float> values) {
    reader(name, values);
    if (!name.ends_with(".bias")) return;
    for (size_t i = 0; i < values.size(); ++i) values[i] = 0.37f * static_cast<float>(i % 7) - 1;
  };
}

Graph trained(DType dtype, Recompute recompute, bool biases = false) {
  auto graph = llama(config_with(biases), {.dtype = dtype});
  append_backward(graph, {"log_prob", "entropy"}, "", recompute);
  return graph;
}

// Everything that a run of the program leaves behind: outputs, then weight gradients by name.
std::vector<std::byte> results_of(const Graph& graph, bool biases) {
  ThreadPool pool(2);
  const Graph* graphs[] = {&graph};
  Parameters parameters(graphs, Trainable::yes);
  parameters.read(weights_of(config_with(biases)), pool);
  Gradients gradients(graph, pool);
  Program program(graph, Lifetime::forward_and_backward);
  Pack pack;
  pack.append(some_ids(13, 1));
  pack.append(some_ids(6, 2));
  const auto targets = some_ids(19, 3);
  const std::vector<float> ones(19, 1.0f);
  troupe::Run run(program, parameters, &gradients, {.pool = &pool, .pack = &pack}, 19);
  run.bind("targets", targets.data());
  for (const char* name : {"gradient_of/log_prob", "gradient_of/entropy"})
    run.bind(name, ones.data());
  run.forward();
  run.backward();
  std::vector<std::byte> bytes;
  const auto append = [&](const void* data, size_t size) {
    const auto* begin = static_cast<const std::byte*>(data);
    bytes.insert(bytes.end(), begin, begin + size);
  };
  append(run.output("log_prob").data, 19 * sizeof(float));
  gradients.finish();
  for (const auto& name : gradients.weight_names()) {
    const auto sum = gradients.sum(name);
    append(sum.data(), sum.size_bytes());
  }
  return bytes;
}

TEST(FuseTest, ChangesNoBitOfOutputsAndGradients) {
  for (const DType dtype : {DType::f32, DType::bf16})
    for (const auto recompute : {Recompute::none, Recompute::layer})
      for (const bool biases : {false, true}) {
        const Graph apart = trained(dtype, recompute, biases);
        Graph together = apart;
        fuse_neighbours(together);
        EXPECT_LT(together.nodes().size(), apart.nodes().size());
        EXPECT_EQ(results_of(together, biases), results_of(apart, biases)) << name_of(dtype);
      }
}

TEST(FuseTest, AddsBiasesInTheirProducts) {
  auto graph = trained(DType::bf16, Recompute::none, true);
  const auto layers = tiny_llama_config().num_hidden_layers;
  EXPECT_EQ(count(graph, add_bias), 7 * layers);
  fuse_neighbours(graph);
  EXPECT_EQ(count(graph, add_bias), 0);
  EXPECT_EQ(count(graph, linear_group_bias), layers);
  EXPECT_EQ(count(graph, linear_group_swiglu), layers);
  EXPECT_EQ(count(graph, linear_bias), 2 * layers);
}

TEST(FuseTest, GatesInTheProductsOfGateAndUp) {
  auto graph = trained(DType::f32, Recompute::none);
  fuse_neighbours(graph);
  EXPECT_EQ(count(graph, linear_group_swiglu), 3);
  EXPECT_EQ(count(graph, swiglu), 0);
}

// Of three layers' seven norms the first follows the embedding. The last one's gradient is the
// first that flows back into its input, so there is nothing to add it to. The norms are read by
// weights' gradients too, and so stay.
TEST(FuseTest, LeavesNoResidualApartFromTheNormOfItsSum) {
  auto graph = trained(DType::f32, Recompute::none);
  fuse_neighbours(graph);
  EXPECT_EQ(count(graph, add_rms_norm), 6);
  EXPECT_EQ(count(graph, rms_norm), 1);
  EXPECT_EQ(count(graph, add_rms_norm_gradient), 6);
  EXPECT_EQ(count(graph, rms_norm_gradient), 1);
  EXPECT_EQ(count(graph, add_op), 0);
}

// Where nothing is trained. The last norm is the head's, which makes its logits by another op.
TEST(FuseTest, NormsInTheProductsThatAloneReadTheNorm) {
  for (const bool biases : {false, true}) {
    auto graph = llama(config_with(biases), {.head = Head::logits});
    fuse_neighbours(graph);
    EXPECT_EQ(count(graph, norm_linear_group), 3);
    EXPECT_EQ(count(graph, norm_linear_group_swiglu), 3);
    EXPECT_EQ(count(graph, linear_residual), 5);
    EXPECT_EQ(count(graph, add_rms_norm), 1);
    EXPECT_EQ(count(graph, add_op) + count(graph, rms_norm), 0);
  }
}

TEST(FuseTest, KeepsAProductThatSomebodyReadsWithoutTheResidual) {
  Graph graph;
  const auto x = graph.input("hidden", {kTokens, 8}, DType::f32),
             weight = graph.weight("o_proj.weight", {8, 8}, DType::f32, WeightLayout::matmul);
  const auto y = graph.apply_one(linear, {x, weight});
  graph.set_output("product", y);
  graph.set_output("sum", graph.apply_one(add_op, {x, y}));
  graph.set_output("twice", graph.apply_one(add_op, {y, y}));
  fuse_neighbours(graph);
  EXPECT_EQ(count(graph, linear), 1);
  EXPECT_EQ(count(graph, add_op), 2);
}

TEST(FuseTest, KeepsTheBordersBetweenForwardInputAndWeightGradients) {
  auto graph = trained(DType::f32, Recompute::none);
  split_backward(graph);
  const auto last_forward = graph.nodes().at(graph.num_forward_nodes() - 1);
  const auto first_weights = graph.nodes().at(graph.first_weight_gradient_node());
  fuse_neighbours(graph);
  EXPECT_EQ(graph.nodes().at(graph.num_forward_nodes() - 1).outputs, last_forward.outputs);
  EXPECT_EQ(graph.nodes().at(graph.first_weight_gradient_node()).outputs, first_weights.outputs);
}

TEST(FuseTest, KeepsAGradientThatSomebodyElseReads) {
  Graph graph;
  const auto x = graph.input("hidden", {kTokens, 8}, DType::f32);
  const auto weight = graph.weight("norm.weight", {8}, DType::f32, WeightLayout::plain);
  const auto dx = graph.apply_one(rms_norm_gradient, {x, weight, x});
  graph.set_output("sum", graph.apply_one(add_op, {x, dx}));
  graph.set_output("dx", dx);
  fuse_neighbours(graph);
  EXPECT_EQ(count(graph, rms_norm_gradient), 1);
  EXPECT_EQ(count(graph, add_op), 1);
}

}  // namespace
}  // namespace troupe
