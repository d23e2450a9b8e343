// One stage of a model trained by several shards and data ranks, as threads: every layout gives the
// bits of one.
#include <gtest/gtest.h>

#include <cmath>
#include <cstring>
#include <filesystem>
#include <thread>

#include "devices/cpu/background_calls.h"
#include "devices/cpu/thread_pool.h"
#include "graph/training/stage_model.h"
#include "tests/graph/parallel/thread_group.h"
#include "tests/graph/tiny_llama.h"

namespace troupe {
namespace {

LlamaConfig model_config(int64_t vocab_size) {
  LlamaConfig config = tiny_llama_config();
  config.hidden_size = 64;
  config.intermediate_size = 96;
  config.num_hidden_layers = 2;
  config.num_attention_heads = 8;
  config.num_key_value_heads = 4;
  config.vocab_size = vocab_size;
  return config;
}

struct Layout {
  int tensor = 1, data = 1;
  bool sequence = false;
  Zero zero = Zero::none;
  Recompute recompute = Recompute::none;
  bool splits_backward = false;
  DType dtype = DType::f32;
  LossReach reach = LossReach::token;
  Head head = Head::log_prob;
  int64_t vocab_size = 2048;
  bool offloads = false;
  bool beside = true;  // collectives go on beside computing
  std::vector<PlacementOverride> overrides = {};
};

constexpr int kGroups = 4;
constexpr int kMostPacks = 2;             // of two or four data ranks
constexpr int kPresent[] = {0, 1, 3, 3};  // the groups of four packs; group 2 is absent

std::shared_ptr<Pack> pack_of(int i, int64_t vocab_size) {
  auto pack = std::make_shared<Pack>();
  for (int length : {7 + 6 * i, 2, 5}) {
    std::vector<int32_t> ids;
    for (int at = 0; at < length; ++at)
      ids.push_back((at * 977 + i * 131 + at * at * 7) % static_cast<int>(vocab_size));
    pack->append(ids);
  }
  return pack;
}

std::shared_ptr<std::vector<int32_t>> targets_of(const Pack& pack) {
  auto targets =
      std::make_shared<std::vector<int32_t>>(pack.token_ids.begin() + 1, pack.token_ids.end());
  targets->push_back(-1);
  return targets;
}

void loss(const TokenLossArgs& args) {
  for (size_t i = 0; i < args.d_log_prob.size(); ++i) {
    args.d_log_prob[i] = -0.01f * static_cast<float>(1 + (args.first + i) % 3);
    args.d_entropy[i] = 0.002f;
  }
}

// What a training leaves behind, by name.
using State = std::map<std::string, std::vector<float>>;

class Rank {
 public:
  Rank(const Layout& layout, const LlamaConfig& config, int shard, int data_rank,
       Communicator* tensor, Communicator* data)
      : layout_(layout),
        data_rank_(data_rank),
        pool_(1),
        model_(config, options(shard, tensor, data, &tensor_calls_, &data_calls_), pool_) {
    model_.load(lively_weights(config));
  }

  void train(State& state) {
    for (int step = 1; step <= 2; ++step) {
      auto presence = Presence::absent;
      int count = 0;
      for (int i = 0; i < 4; ++i) {
        if (kPresent[i] * layout_.data / kGroups != data_rank_) continue;
        presence = Presence::present;
        run(i, kPresent[i], state);
        ++count;
      }
      for (; model_.shares_weights() && count < kMostPacks; ++count) {
        model_.attend_forward();
        model_.attend_backward();
      }
      model_.finish_gradients(presence);
      double sum = 0;
      for (const auto& [name, squares] : model_.gradient_squares()) sum += squares;
      if (model_.speaks()) state["squares"].push_back(static_cast<float>(sum));
      model_.apply_adamw({}, step, static_cast<float>(0.5 / std::sqrt(sum)));
    }
    for (const auto& [name, parameter] : model_.parameters().all())
      for (auto part :
           {StageModel::Part::weight, StageModel::Part::moment1, StageModel::Part::moment2}) {
        auto whole = model_.whole(name, part);
        if (model_.speaks())
          state[name + "/" + std::to_string(static_cast<int>(part))] = std::move(whole);
      }
  }

 private:
  StageOptions options(int shard, Communicator* tensor, Communicator* data,
                       BackgroundCalls* tensor_calls, BackgroundCalls* data_calls) const {
    StageOptions options;
    options.model.dtype = layout_.dtype;
    options.model.head = layout_.head;
    options.trainable = Trainable::yes;
    options.recompute = layout_.recompute;
    options.loss_reach = layout_.reach;
    options.splits_backward = layout_.splits_backward;
    if (layout_.offloads) options.moments_folder = std::filesystem::temp_directory_path();
    options.place = {.tensor_degree = layout_.tensor,
                     .shard = shard,
                     .sequence = layout_.sequence,
                     .zero = layout_.zero,
                     .tensor_group = tensor,
                     .data_group = data,
                     .tensor_calls = layout_.beside ? tensor_calls : nullptr,
                     .data_calls = layout_.beside ? data_calls : nullptr,
                     .overrides = layout_.overrides};
    return options;
  }

  void run(int i, int group, State& state) {
    const auto pack = pack_of(i, layout_.vocab_size);
    const auto extent = model_.asks_for_loss() ? Forward::to_loss : Forward::whole;
    model_.forward(i, pack, nullptr, targets_of(*pack), extent, group);
    if (extent == Forward::to_loss) {
      model_.backward(i, loss);
    } else {
      std::vector<float> slopes(pack->token_ids.size(), -0.01f), zeros(slopes.size(), 0.0f);
      std::map<std::string, const void*> gradients = {{"log_prob", slopes.data()},
                                                      {"entropy", zeros.data()}};
      if (layout_.head == Head::value) gradients = {{"values", slopes.data()}};
      const char* output = layout_.head == Head::value ? "values" : "log_prob";
      const auto* values = model_.output(i, output).as<float>();
      if (model_.options().place.shard == 0)
        state["output of " + std::to_string(i)] = {values, values + slopes.size()};
      model_.backward(i, gradients);
    }
    if (layout_.splits_backward) model_.backward_of_weights(i);
    model_.finish(i);
  }

  Layout layout_;
  int data_rank_;
  ThreadPool pool_;
  BackgroundCalls tensor_calls_, data_calls_;
  StageModel model_;
};

State train(const Layout& layout) {
  LlamaConfig config = model_config(layout.vocab_size);
  std::vector<std::unique_ptr<ThreadGroup>> tensor_groups, data_groups;
  for (int d = 0; d < layout.data; ++d)
    tensor_groups.push_back(std::make_unique<ThreadGroup>(layout.tensor));
  for (int t = 0; t < layout.tensor; ++t)
    data_groups.push_back(std::make_unique<ThreadGroup>(layout.data));
  std::vector<State> states(layout.data * layout.tensor);
  {
    std::vector<std::jthread> threads;
    for (int d = 0; d < layout.data; ++d)
      for (int t = 0; t < layout.tensor; ++t)
        threads.emplace_back([&, d, t] {
          const auto tensor = tensor_groups[d]->member(t), data = data_groups[t]->member(d);
          Rank(layout, config, t, d, layout.tensor > 1 ? tensor.get() : nullptr,
               layout.data > 1 ? data.get() : nullptr)
              .train(states[d * layout.tensor + t]);
        });
  }
  for (size_t i = 1; i < states.size(); ++i) states[0].merge(states[i]);
  return states[0];
}

void expect_equal(const State& state, const State& expected, const std::string& what) {
  ASSERT_EQ(state.size(), expected.size()) << what;
  for (const auto& [name, values] : expected) {
    ASSERT_EQ(state.at(name).size(), values.size()) << what << " " << name;
    EXPECT_EQ(std::memcmp(state.at(name).data(), values.data(), values.size() * 4), 0)
        << what << " " << name;
  }
}

class LayoutTest : public testing::TestWithParam<DType> {};

TEST_P(LayoutTest, TensorShardsGiveTheBitsOfOne) {
  const State one = train({.dtype = GetParam()});
  for (int tensor : {2, 4})
    for (bool sequence : {false, true})
      expect_equal(train({.tensor = tensor, .sequence = sequence, .dtype = GetParam()}), one,
                   std::to_string(tensor) + (sequence ? " sequence" : ""));
}

TEST_P(LayoutTest, CollectivesThatComputingWaitsForGiveTheBitsOfThoseBesideIt) {
  const Layout layout = {
      .tensor = 2, .data = 2, .sequence = true, .zero = Zero::weights, .dtype = GetParam()};
  Layout waits = layout;
  waits.beside = false;
  expect_equal(train(waits), train(layout), "waits");
}

TEST_P(LayoutTest, RecomputingAndCutBackwardPassesGiveTheBitsOfOne) {
  const State one = train({.dtype = GetParam()});
  for (int tensor : {1, 2})
    for (auto recompute : {Recompute::none, Recompute::attention, Recompute::layer})
      for (bool splits : {false, true})
        expect_equal(train({.tensor = tensor,
                            .sequence = tensor > 1,
                            .recompute = recompute,
                            .splits_backward = splits,
                            .dtype = GetParam()}),
                     one, std::to_string(tensor) + (splits ? " split" : ""));
}

TEST_P(LayoutTest, MomentsInFilesGiveTheBitsOfThoseInMemory) {
  const State one = train({.dtype = GetParam()});
  for (Zero zero : {Zero::none, Zero::optimizer, Zero::weights})
    expect_equal(train({.data = 2, .zero = zero, .dtype = GetParam(), .offloads = true}), one,
                 "zero " + std::to_string(static_cast<int>(zero)));
}

TEST_P(LayoutTest, DataRanksAndZeroGiveTheBitsOfOne) {
  const State one = train({.dtype = GetParam()});
  for (int data : {2, 4})
    for (Zero zero : {Zero::none, Zero::optimizer, Zero::gradients, Zero::weights})
      for (int tensor : {1, 2})
        expect_equal(train({.tensor = tensor, .data = data, .zero = zero, .dtype = GetParam()}),
                     one, std::to_string(data) + " zero " + std::to_string(static_cast<int>(zero)));
}

// Each of these asks for conversions that the family's own plan has no use for.
TEST_P(LayoutTest, PlansOfOnesOwnGiveTheBitsOfOne) {
  const State one = train({.dtype = GetParam()});
  for (const auto& whole : std::vector<std::vector<std::string>>{
           {"*.gate_proj.weight", "*.up_proj.weight"},
           {"*.down_proj.weight"},
           {"*.q_proj.weight", "*.k_proj.weight", "*.v_proj.weight"},
           {"*.o_proj.weight"}}) {
    std::vector<PlacementOverride> overrides;
    for (const auto& pattern : whole) overrides.push_back({pattern, replicate()});
    for (int tensor : {2, 4})
      for (bool sequence : {false, true})
        for (bool splits : {false, true})
          expect_equal(train({.tensor = tensor,
                              .sequence = sequence,
                              .splits_backward = splits,
                              .dtype = GetParam(),
                              .overrides = overrides}),
                       one, whole[0] + (sequence ? " sequence" : ""));
  }
}

TEST_P(LayoutTest, LossesOfWholePacksAndValueHeadsGiveTheBitsOfOne) {
  for (Head head : {Head::log_prob, Head::value}) {
    const State one = train({.dtype = GetParam(), .reach = LossReach::pack, .head = head});
    for (bool sequence : {false, true})
      expect_equal(train({.tensor = 2,
                          .sequence = sequence,
                          .dtype = GetParam(),
                          .reach = LossReach::pack,
                          .head = head}),
                   one, sequence ? "sequence" : "");
  }
}

// Then every shard has the whole embedding and head.
TEST_P(LayoutTest, AVocabularyThatCannotBeCutGivesTheBitsOfOne) {
  const State one = train({.dtype = GetParam(), .vocab_size = 251});
  for (bool sequence : {false, true})
    expect_equal(train({.tensor = 2, .sequence = sequence, .dtype = GetParam(), .vocab_size = 251}),
                 one, sequence ? "sequence" : "");
}

INSTANTIATE_TEST_SUITE_P(Dtypes, LayoutTest, testing::Values(DType::f32, DType::bf16));

}  // namespace
}  // namespace troupe
