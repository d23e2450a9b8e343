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
  using Member::Member;
  bool all_reduce(std::span<float> values, Presence presence) override {
    ++(BackgroundCalls::is_here() ? num_beside : num_awaited);
    return Member::all_reduce(values, presence);
  }
  void all_gather(std::span<const std::byte> own, std::span<const int64_t> borders,
                  std::span<std::byte> all) override {
    ++(BackgroundCalls::is_here() ? num_beside : num_awaited);
    Member::all_gather(own, borders, all);
  }
  int num_beside = 0, num_awaited = 0;
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

// What two ranks' calls were, from a model trained on one pack each.
struct Calls {
  int beside = 0, awaited = 0;
};
std::vector<Calls> calls_of_two_ranks(
    const std::function<void(ParallelPlace&, int rank, CountingMember&, BackgroundCalls&)>& put) {
  ThreadGroup group(2);
  std::vector<Calls> all(2);
  {
    std::vector<std::jthread> ranks;
    for (int rank : {0, 1})
      ranks.emplace_back([&, rank] {
        ThreadPool pool(1);
        BackgroundCalls calls;
        CountingMember member(group, rank);
        auto options = trained(1, false);
        put(options.place, rank, member, calls);
        StageModel model(tiny_llama_config(), options, pool);
        model.load(lively_weights(tiny_llama_config()));
        forward_and_backward(model);
        all[rank] = {member.num_beside, member.num_awaited};
      });
  }
  return all;
}

TEST(OverlapTest, ARunMakesThoseCallsBesideItsOtherNodes) {
  const auto all = calls_of_two_ranks(
      [](ParallelPlace& place, int rank, CountingMember& member, BackgroundCalls& calls) {
        place.tensor_degree = 2, place.shard = rank;
        place.tensor_group = &member, place.tensor_calls = &calls;
      });
  const int layers = tiny_llama_config().num_hidden_layers;
  for (const auto& [beside, awaited] : all) {
    EXPECT_EQ(beside, 2 * layers);
    EXPECT_GE(awaited, 2 * layers);  // of the forward pass
  }
}

// Each pass waits for its first block, and has the others' weights on their way. (Seven weights a
// layer; the embedding is in the first and the last block.)
TEST(OverlapTest, TheNextBlocksSharedWeightsComeWhileABlockIsComputed) {
  const auto all = calls_of_two_ranks(
      [](ParallelPlace& place, int, CountingMember& member, BackgroundCalls& calls) {
        place.zero = Zero::weights;
        place.data_group = &member, place.data_calls = &calls;
      });
  const int layers = tiny_llama_config().num_hidden_layers;
  for (const auto& [beside, awaited] : all) {
    EXPECT_EQ(awaited, (1 + 7) + 1);
    EXPECT_EQ(beside, (7 * (layers - 1) + 1) + (7 * layers + 1));
  }
}

}  // namespace
}  // namespace troupe
