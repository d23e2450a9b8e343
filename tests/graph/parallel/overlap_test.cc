// Which collectives go on beside products, and that a run lets them.
#include "graph/parallel/overlap.h"

#include <gtest/gtest.h>

#include <map>
#include <thread>

#include "devices/cpu/background_calls.h"
#include "graph/training/stage_model.h"
#include "kernels/collective/collective.h"
#include "tests/graph/parallel/thread_group.h"
#include "tests/graph/tiny_llama.h"

namespace troupe {
namespace {

StageOptions trained(int tensor, bool sequence, bool splits_backward = false) {
  StageOptions options;
  options.trainable = Trainable::yes;
  options.splits_backward = splits_backward;
  options.place.tensor_degree = tensor;
  options.place.sequence = sequence;
  return options;
}

// By name, how many of the program's collectives go on beside a product.
std::map<std::string, int> beside_products(const Graph& graph) {
  const auto awaited = awaited_by(graph);
  std::map<std::string, int> counts;
  for (size_t i = 0; i < awaited.size(); ++i)
    if (awaited[i] != i) ++counts[std::string(graph.nodes()[i].op->name)];
  return counts;
}

bool is_read_between(const Graph& graph, size_t first, size_t last, ValueId value) {
  for (size_t i = first; i < last; ++i)
    for (ValueId id : graph.nodes()[i].inputs)
      if (id == value) return true;
  return false;
}

TEST(OverlapTest, SumsOfInputGradientsGoOnBesideWeightGradients) {
  const auto config = tiny_llama_config();
  const auto counts = beside_products(stage_graph(config, trained(2, false)));
  EXPECT_EQ(counts.at("all_reduce"), 2 * config.num_hidden_layers);  // q, k, v; gate and up
}

// Gathers of saved inputs too (the first layer's input is whole, as the embedding is), and a
// block's sums of norm gradients beside the next block's work.
TEST(OverlapTest, UnderSequenceParallelismGathersAndSumsOfNormGradientsDoToo) {
  const auto config = tiny_llama_config();
  const auto counts = beside_products(stage_graph(config, trained(2, true)));
  EXPECT_EQ(counts.at("reduce_scatter"), 2 * config.num_hidden_layers);
  EXPECT_EQ(counts.at("all_gather"), 2 * config.num_hidden_layers - 1);
  EXPECT_GE(counts.at("all_reduce"), config.num_hidden_layers - 1);
}

TEST(OverlapTest, OneShardHasNothingOnTheWay) {
  EXPECT_TRUE(beside_products(stage_graph(tiny_llama_config(), trained(1, false))).empty());
}

TEST(OverlapTest, NobodyReadsWhatIsOnTheWayNorUsesItsMemory) {
  for (bool sequence : {false, true})
    for (bool splits : {false, true}) {
      const Graph graph = stage_graph(tiny_llama_config(), trained(2, sequence, splits));
      const auto awaited = awaited_by(graph);
      const auto plan = plan_memory(graph, Lifetime::forward_and_backward, 64);
      const auto range = [&](ValueId id) {
        const int64_t begin = plan.offsets[id];
        return std::pair(begin, begin + num_bytes(graph.value(id), 64, 2));
      };
      for (size_t i = 0; i < awaited.size(); ++i) {
        const auto& node = graph.nodes()[i];
        for (ValueId made : node.outputs)
          EXPECT_FALSE(is_read_between(graph, i + 1, awaited[i], made));
        for (size_t j = i + 1; j < awaited[i]; ++j)
          for (const auto* values : {&node.inputs, &node.outputs})
            for (ValueId used : *values)
              for (ValueId other : graph.nodes()[j].outputs) {
                if (plan.offsets[other] < 0 || plan.offsets[used] < 0) continue;
                const auto [begin, end] = range(used);
                const auto [first, last] = range(other);
                EXPECT_TRUE(last <= begin || end <= first) << i << ' ' << j;
              }
      }
    }
}

// A member that counts the calls that others compute beside.
class CountingMember final : public ThreadGroup::Member {
 public:
  CountingMember(ThreadGroup& all, int rank, const BackgroundCalls& calls)
      : Member(all, rank), calls_(calls) {}
  bool all_reduce(std::span<float> values, Presence presence) override {
    ++(calls_.is_own_thread() ? num_beside : num_awaited);
    return Member::all_reduce(values, presence);
  }
  int num_beside = 0, num_awaited = 0;

 private:
  const BackgroundCalls& calls_;
};

void forward_and_backward(StageModel& model) {
  auto pack = std::make_shared<Pack>();
  pack->append(std::vector<int32_t>{3, 1, 4, 1, 5});
  model.forward(0, pack, nullptr, std::make_shared<std::vector<int32_t>>(5, 2), Forward::to_loss);
  model.backward(0, [](const TokenLossArgs& args) {
    std::ranges::fill(args.d_log_prob, -0.1f);
    std::ranges::fill(args.d_entropy, 0.0f);
  });
  model.finish(0);
}

TEST(OverlapTest, ARunMakesThoseCallsBesideItsOtherNodes) {
  ThreadGroup group(2);
  const auto config = tiny_llama_config();
  int beside[2], awaited[2];
  {
    std::vector<std::jthread> ranks;
    for (int rank : {0, 1})
      ranks.emplace_back([&, rank] {
        ThreadPool pool(1);
        BackgroundCalls calls;
        CountingMember member(group, rank, calls);
        auto options = trained(2, false);
        options.place.shard = rank;
        options.place.tensor_group = &member;
        options.place.tensor_calls = &calls;
        StageModel model(config, options, pool);
        model.load(lively_weights(config));
        forward_and_backward(model);
        beside[rank] = member.num_beside, awaited[rank] = member.num_awaited;
      });
  }
  for (int rank : {0, 1}) {
    EXPECT_EQ(beside[rank], 2 * config.num_hidden_layers);
    EXPECT_GE(awaited[rank], 2 * config.num_hidden_layers);  // of the forward pass
  }
}

}  // namespace
}  // namespace troupe
