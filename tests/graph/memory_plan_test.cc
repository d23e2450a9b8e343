#include "graph/memory_plan.h"

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include "graph/autodiff.h"
#include "kernels/elementwise/add.h"
#include "tests/graph/tiny_llama.h"

namespace troupe {
namespace {

struct Life {
  size_t first = 0, last = 0;  // nodes
  int64_t begin = 0, end = 0;  // bytes
};

// When each planned value is written first and read last, worked out apart from the plan.
std::vector<Life> lives_of(const Graph& graph, const MemoryPlan& plan, size_t num_nodes,
                           int64_t num_tokens) {
  std::map<ValueId, Life> lives;
  for (size_t i = 0; i < num_nodes; ++i) {
    const auto& node = graph.nodes()[i];
    for (ValueId id : node.inputs)
      if (lives.contains(id)) lives[id].last = i;
    for (ValueId id : node.outputs) {
      if (graph.value(id).kind != ValueKind::activation) continue;
      lives[id] = {i, i, plan.offsets[id],
                   plan.offsets[id] + num_bytes(graph.value(id), num_tokens)};
    }
  }
  for (const auto& [name, id] : graph.outputs())
    if (lives.contains(id)) lives[id].last = num_nodes;
  std::vector<Life> all;
  for (const auto& [id, life] : lives) all.push_back(life);
  return all;
}

// Values lie inside the arena, aligned, and no two that live at once share a byte.
bool is_sound(const Graph& graph, Lifetime lifetime, int64_t num_tokens) {
  const auto plan = plan_memory(graph, lifetime, num_tokens);
  const bool all = lifetime == Lifetime::forward_and_backward;
  const auto lives =
      lives_of(graph, plan, all ? graph.nodes().size() : graph.num_forward_nodes(), num_tokens);
  for (size_t i = 0; i < lives.size(); ++i) {
    const auto& a = lives[i];
    if (a.begin < 0 || a.begin % 64 != 0 || a.end > plan.arena_bytes) return false;
    for (size_t j = 0; j < i; ++j) {
      const auto& b = lives[j];
      const bool at_once = a.first <= b.last && b.first <= a.last;
      if (at_once && a.begin < b.end && b.begin < a.end) return false;
    }
  }
  return true;
}

// Sums of any two earlier values, of three widths; some are outputs of the graph.
Graph any_graph() {
  Graph graph;
  std::map<int64_t, std::vector<ValueId>> by_width;
  for (int64_t width : {1, 17, 64})
    by_width[width] = {graph.input("x" + std::to_string(width), {kTokens, width}, DType::f32)};
  const int num_nodes = *rc::gen::inRange(1, 40);
  for (int i = 0; i < num_nodes; ++i) {
    auto& values = by_width[*rc::gen::element(1, 17, 64)];
    const auto a = *rc::gen::elementOf(values), b = *rc::gen::elementOf(values);
    values.push_back(graph.apply_one(add_op, {a, b}));
    if (*rc::gen::inRange(0, 5) == 0) graph.set_output("y" + std::to_string(i), values.back());
  }
  return graph;
}

RC_GTEST_PROP(MemoryPlanTest, NoTwoLiveValuesOverlap, ()) {
  const auto graph = any_graph();
  RC_ASSERT(is_sound(graph, Lifetime::forward_only, *rc::gen::inRange<int64_t>(1, 50)));
}

TEST(MemoryPlanTest, NoTwoLiveValuesOfAModelOverlap) {
  for (const Head head : {Head::log_prob, Head::logits, Head::value}) {
    auto graph = llama(tiny_llama_config(), {.head = head});
    EXPECT_TRUE(is_sound(graph, Lifetime::forward_only, 33));
    if (head == Head::logits) continue;
    append_backward(graph, head == Head::value ? std::vector<std::string>{"values"}
                                               : std::vector<std::string>{"log_prob", "entropy"});
    EXPECT_TRUE(is_sound(graph, Lifetime::forward_only, 33));
    EXPECT_TRUE(is_sound(graph, Lifetime::forward_and_backward, 33));
  }
}

TEST(MemoryPlanTest, AChainNeedsNoMoreThanTwoBuffers) {
  Graph graph;
  ValueId x = graph.input("x", {kTokens, 16}, DType::f32);
  for (int i = 0; i < 20; ++i) x = graph.apply_one(add_op, {x, x});
  EXPECT_EQ(plan_memory(graph, Lifetime::forward_only, 4).arena_bytes, 2 * 4 * 16 * 4);
}

TEST(MemoryPlanTest, AnOutputOutlivesLaterNodes) {
  Graph graph;
  ValueId x = graph.input("x", {kTokens, 16}, DType::f32);
  const auto first = graph.apply_one(add_op, {x, x});
  graph.set_output("first", first);
  ValueId later = first;
  for (int i = 0; i < 5; ++i) later = graph.apply_one(add_op, {later, later});
  const auto plan = plan_memory(graph, Lifetime::forward_only, 4);
  for (const auto& node : graph.nodes())
    EXPECT_EQ(plan.offsets[node.outputs[0]] == plan.offsets[first], node.outputs[0] == first);
}

TEST(MemoryPlanTest, InputsWeightsAndTheirGradientsLieElsewhere) {
  auto graph = llama(tiny_llama_config(), {.head = Head::value});
  append_backward(graph, {"values"});
  const auto plan = plan_memory(graph, Lifetime::forward_and_backward, 8);
  for (size_t i = 0; i < graph.values().size(); ++i) {
    if (graph.values()[i].kind != ValueKind::activation) {
      EXPECT_EQ(plan.offsets[i], -1) << i;
    }
  }
}

}  // namespace
}  // namespace troupe
