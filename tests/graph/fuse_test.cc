#include "graph/fuse.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cstring>

#include "devices/cpu/thread_pool.h"
#include "graph/autodiff.h"
#include "graph/parallel/split_backward.h"
#include "graph/program.h"
#include "kernels/elementwise/add.h"
#include "kernels/norm/add_rms_norm.h"
#include "kernels/norm/rms_norm.h"
#include "tests/graph/tiny_llama.h"

namespace troupe {
namespace {

int64_t count(const Graph& graph, const OpDef& op) {
  return std::ranges::count(graph.nodes(), &op, &GraphNode::op);
}

Graph trained(DType dtype, Recompute recompute) {
  auto graph = llama(tiny_llama_config(), {.dtype = dtype});
  append_backward(graph, {"log_prob", "entropy"}, "", recompute);
  return graph;
}

// Everything that a run of the program leaves behind: outputs, then weight gradients by name.
std::vector<std::byte> results_of(const Graph& graph) {
  ThreadPool pool(2);
  const Graph* graphs[] = {&graph};
  Parameters parameters(graphs, Trainable::yes);
  parameters.read(lively_weights(tiny_llama_config()), pool);
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
    for (const auto recompute : {Recompute::none, Recompute::layer}) {
      const Graph apart = trained(dtype, recompute);
      Graph together = apart;
      fuse_neighbours(together);
      EXPECT_LT(together.nodes().size(), apart.nodes().size());
      EXPECT_EQ(results_of(together), results_of(apart)) << name_of(dtype);
    }
}

// Of three layers' seven norms the first follows the embedding. The last one's gradient is the
// first that flows back into its input, so there is nothing to add it to.
TEST(FuseTest, LeavesNoResidualApartFromTheNormOfItsSum) {
  auto graph = trained(DType::f32, Recompute::none);
  fuse_neighbours(graph);
  EXPECT_EQ(count(graph, add_rms_norm), 6);
  EXPECT_EQ(count(graph, rms_norm), 1);
  EXPECT_EQ(count(graph, add_rms_norm_gradient), 6);
  EXPECT_EQ(count(graph, rms_norm_gradient), 1);
  EXPECT_EQ(count(graph, add_op), 0);
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
