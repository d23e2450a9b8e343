#include "graph/memory_forecast.h"

#include <gtest/gtest.h>

#include <thread>

#include "devices/cpu/thread_pool.h"
#include "graph/autodiff.h"
#include "graph/gradients.h"
#include "graph/training/scoring.h"
#include "tests/graph/tiny_llama.h"

namespace troupe {
namespace {

// What a training step of one pack took at most, by class. On a thread of its own, whose scratch
// memory is new.
MemoryUse use_of(const LlamaConfig& config, const StageOptions& options, int64_t num_tokens,
                 MemoryForecast& forecast) {
  MemoryUse use;
  std::thread([&] {
    const auto before = memory_use().current;
    reset_memory_peaks();
    ThreadPool pool(1);
    StageModel model(config, options, pool);
    model.load(lively_weights(config));
    forecast = model.forecast_memory(num_tokens);
    LabelledPack pack;
    for (int64_t done = 0; done < num_tokens; done += 64) {
      const auto row = next_token_targets(some_ids(64, static_cast<int>(done)));
      pack.pack.append(row.pack.token_ids);
      pack.targets.insert(pack.targets.end(), row.targets.begin(), row.targets.end());
    }
    mean_cross_entropy_with_gradients(model, {&pack, 1});
    model.apply_adamw({}, 1, 1);
    use = memory_use();
    for (int i = 0; i < kNumMemoryClasses; ++i) use.peak[i] -= before[i];
  }).join();
  return use;
}

TEST(MemoryForecastTest, IsWhatATrainingStepThenTakes) {
  auto config = tiny_llama_config();
  config.max_position_embeddings = 64;
  for (const DType dtype : {DType::f32, DType::bf16}) {
    for (const Recompute recompute : {Recompute::none, Recompute::attention, Recompute::layer}) {
      StageOptions options;
      options.model = {.dtype = dtype, .head = Head::log_prob};
      options.trainable = Trainable::yes;
      options.recompute = recompute;
      MemoryForecast forecast;
      const auto use = use_of(config, options, 1024, forecast);
      for (int i = 0; i < kNumMemoryClasses; ++i)
        EXPECT_EQ(use.peak[i], forecast.bytes[i])
            << name_of(static_cast<MemoryClass>(i)) << " " << name_of(dtype);
    }
  }
}

TEST(MemoryForecastTest, CountsTheSubtreesOfGroupsThatWait) {
  auto graph = llama(tiny_llama_config(), {});
  append_backward(graph, {"log_prob", "entropy"});
  ThreadPool pool(1);
  for (int groups = 1; groups <= 9; ++groups) {
    const int64_t before = memory_use().current[static_cast<int>(MemoryClass::gradients)];
    reset_memory_peaks();
    Gradients gradients(graph, pool);
    for (int group = 0; group < groups; ++group)
      for (ValueId id : graph.values_of_kind(ValueKind::weight_gradient))
        gradients.begin_adding(id, group, false);
    gradients.finish();
    auto forecast = forecast_memory(
        graph, {.trainable = Trainable::yes, .num_tokens = 8, .gradient_groups = groups});
    EXPECT_EQ(memory_use().peak_of(MemoryClass::gradients) - before,
              forecast.of(MemoryClass::gradients))
        << groups;
  }
}

}  // namespace
}  // namespace troupe
