// What each rank of a parallel layout is forecast to take, against what it took.
#include <gtest/gtest.h>

#include <filesystem>
#include <thread>

#include "devices/cpu/background_calls.h"
#include "devices/cpu/thread_pool.h"
#include "graph/parallel/schedule.h"
#include "graph/training/stage_model.h"
#include "tests/graph/tiny_llama.h"

namespace troupe {
namespace {

constexpr int64_t kTokens = 256;

struct Layout {
  std::string name;
  int pipeline = 1, stage = 0, data = 1, tensor = 1;  // data or tensor: 2
  bool sequence = false;
  Zero zero = Zero::none;
  Recompute recompute = Recompute::none;
  bool offloads = false;
  DType dtype = DType::f32;
};
std::ostream& operator<<(std::ostream& out, const Layout& layout) {
  return out << layout.name << " " << name_of(layout.dtype);
}

LlamaConfig model_config() {
  auto config = tiny_llama_config();
  config.hidden_size = 64;
  config.intermediate_size = 96;
  config.num_hidden_layers = 4;
  config.num_attention_heads = 8;
  config.num_key_value_heads = 4;
  config.vocab_size = 512;
  return config;
}

std::shared_ptr<Pack> full_pack() {
  auto pack = std::make_shared<Pack>();
  for (int row = 0; row < kTokens / 64; ++row) pack->append(some_ids(64, row));
  return pack;
}

void token_loss(const TokenLossArgs& args) {
  for (size_t i = 0; i < args.d_log_prob.size(); ++i) {
    args.d_log_prob[i] = -0.01f;
    args.d_entropy[i] = 0;
  }
}

// A group whose other member gives and takes nothing: a rank's memory does not depend on values.
class Alone final : public Communicator {
 public:
  explicit Alone(int rank) : rank_(rank) {}
  const std::string& group() const override { return name_; }
  int rank() const override { return rank_; }
  int size() const override { return 2; }
  bool all_reduce(std::span<float>, Presence) override { return true; }
  bool all_reduce(std::span<double>, Presence) override { return true; }
  bool reduce_scatter(std::span<const float>, std::span<const int64_t>, std::span<float>,
                      Presence) override {
    return true;
  }
  void all_gather(std::span<const std::byte>, std::span<const int64_t>,
                  std::span<std::byte>) override {}
  void all_to_all(std::span<const std::byte>, std::span<std::byte>) override {}
  void broadcast(std::span<std::byte>, int) override {}
  void barrier() override {}
  int64_t bytes_sent() const override { return 0; }

 private:
  std::string name_ = "alone";
  int rank_;
};

class Rank {
 public:
  Rank(const Layout& layout, int rank)
      : layout_(layout), group_(rank), pool_(1), model_(model_config(), options(), pool_) {}

  // A step of four micro-batches, each a group of gradients.
  MemoryForecast train() {
    model_.load(lively_weights(model_config()));
    constexpr int64_t kMicroBatches = 4;
    const auto table = make_table(schedule_named("1f1b"), {layout_.pipeline, kMicroBatches});
    int held = 0, most_held = 0;
    for (const Instruction& instruction : table.at(layout_.stage)) {
      const bool is_forward = instruction.work == Work::forward;
      is_forward ? forward(instruction.micro_batch) : backward(instruction.micro_batch);
      most_held = std::max(most_held, held += is_forward ? 1 : -1);
    }
    model_.finish_gradients();
    model_.apply_adamw({}, 1, 1);
    return model_.forecast_memory(kTokens, most_held, kMicroBatches);
  }

 private:
  StageOptions options() {
    StageOptions options;
    options.model.dtype = layout_.dtype;
    options.model.head = Head::log_prob;
    options.stage = layout_.stage;
    options.num_stages = layout_.pipeline;
    options.trainable = Trainable::yes;
    options.recompute = layout_.recompute;
    auto& place = options.place;
    place.sequence = layout_.sequence;
    place.zero = layout_.zero;
    if (layout_.data > 1) place.data_group = &group_, place.data_calls = &calls_;
    if (layout_.tensor > 1) {
      place.tensor_degree = layout_.tensor;
      place.shard = group_.rank();
      place.tensor_group = &group_;
    }
    if (layout_.offloads) options.moments_folder = std::filesystem::temp_directory_path();
    return options;
  }

  std::shared_ptr<std::byte> hidden() const {
    const auto size = static_cast<size_t>(kTokens * model_.hidden_size()) * 4;
    return {new std::byte[size](), std::default_delete<std::byte[]>()};
  }

  void forward(int64_t micro_batch) {
    const auto extent = model_.asks_for_loss() ? Forward::to_loss : Forward::whole;
    model_.forward(micro_batch, full_pack(), model_.is_first() ? nullptr : hidden(),
                   std::make_shared<std::vector<int32_t>>(kTokens, 1), extent,
                   static_cast<int>(micro_batch));
  }

  void backward(int64_t micro_batch) {
    const auto gradient = hidden();
    model_.asks_for_loss() ? model_.backward(micro_batch, token_loss)
                           : model_.backward(micro_batch, {{"hidden", gradient.get()}});
    model_.finish(micro_batch);
  }

  Layout layout_;
  Alone group_;
  ThreadPool pool_;
  BackgroundCalls calls_;
  StageModel model_;
};

struct Taken {
  MemoryUse use;
  MemoryForecast forecast;
};

// On a thread of its own, whose scratch memory is new.
Taken train(const Layout& layout, int rank) {
  Taken taken;
  std::thread([&] {
    const auto before = memory_use().current;
    reset_memory_peaks();
    taken.forecast = Rank(layout, rank).train();
    taken.use = memory_use();
    for (int i = 0; i < kNumMemoryClasses; ++i) taken.use.peak[i] -= before[i];
  }).join();
  return taken;
}

class ShardMemoryTest : public testing::TestWithParam<Layout> {};

TEST_P(ShardMemoryTest, IsForecastWithinFivePercentOfEachClass) {
  for (const DType dtype : {DType::f32, DType::bf16}) {
    Layout layout = GetParam();
    layout.dtype = dtype;
    for (int rank = 0; rank < layout.data * layout.tensor; ++rank) {
      const auto taken = train(layout, rank);
      for (int i = 0; i < kNumMemoryClasses; ++i) {
        const auto counted = static_cast<double>(taken.use.peak[i]);
        EXPECT_NEAR(static_cast<double>(taken.forecast.bytes[i]), counted, 0.05 * counted)
            << layout << " rank " << rank << " " << name_of(static_cast<MemoryClass>(i));
        RecordProperty(
            std::string(name_of(dtype)) + "_" + std::to_string(rank) + "_" +
                std::string(name_of(static_cast<MemoryClass>(i))),
            std::to_string(taken.forecast.bytes[i]) + " of " + std::to_string(taken.use.peak[i]));
      }
    }
  }
}

INSTANTIATE_TEST_SUITE_P(
    Layouts, ShardMemoryTest,
    testing::Values(
        Layout{.name = "one"}, Layout{.name = "tensor_2", .tensor = 2},
        Layout{.name = "tensor_2_sequence", .tensor = 2, .sequence = true},
        Layout{.name = "data_2", .data = 2},
        Layout{.name = "data_2_zero_1", .data = 2, .zero = Zero::optimizer},
        Layout{.name = "data_2_zero_2", .data = 2, .zero = Zero::gradients},
        Layout{.name = "data_2_zero_3", .data = 2, .zero = Zero::weights},
        Layout{.name = "pipeline_2_first", .pipeline = 2},
        Layout{.name = "pipeline_2_last", .pipeline = 2, .stage = 1},
        Layout{.name = "recompute_attention", .recompute = Recompute::attention},
        Layout{.name = "recompute_layer", .tensor = 2, .recompute = Recompute::layer},
        Layout{.name = "offload", .offloads = true},
        Layout{.name = "offload_zero_1", .data = 2, .zero = Zero::optimizer, .offloads = true}),
    [](const auto& info) { return info.param.name; });

}  // namespace
}  // namespace troupe
