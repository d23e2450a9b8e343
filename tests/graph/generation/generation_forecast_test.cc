#include "graph/generation/generation_forecast.h"

#include <gtest/gtest.h>

#include <thread>

#include "devices/cpu/thread_pool.h"
#include "tests/graph/tiny_llama.h"

namespace troupe {
namespace {

constexpr int kSequences = 3, kPromptLength = 64, kNewTokens = 65;

// On a thread of its own, whose scratch memory is new.
MemoryUse use_of(const LlamaConfig& config, const GeneratorOptions& options) {
  MemoryUse use;
  std::thread([&] {
    const auto before = memory_use().current;
    reset_memory_peaks();
    ThreadPool pool(1);
    Generator generator(config, options, pool);
    generator.parameters().read(lively_weights(config), pool);
    for (int tag = 0; tag < kSequences; ++tag) {
      GenerationRequest request;
      request.tag = tag;
      request.key = {tag, 0};
      request.prompt_ids = some_ids(kPromptLength, tag);
      request.max_new_tokens = kNewTokens;
      generator.submit(std::move(request));
    }
    while (!generator.is_idle()) generator.step();
    use = memory_use();
    for (int i = 0; i < kNumMemoryClasses; ++i) use.peak[i] -= before[i];
  }).join();
  return use;
}

void expect_forecast(const LlamaConfig& config, const GeneratorOptions& options) {
  auto forecast = forecast_generation(config, options, kSequences);
  const auto use = use_of(config, options);
  for (const auto memory : {MemoryClass::weights, MemoryClass::packed_weights,
                            MemoryClass::kv_cache, MemoryClass::activations}) {
    const auto counted = static_cast<double>(use.peak_of(memory));
    EXPECT_NEAR(static_cast<double>(forecast.of(memory)), counted, 0.05 * counted)
        << name_of(memory) << " " << name_of(options.dtype) << config.tie_word_embeddings;
  }
}

GeneratorOptions options_of(DType dtype) {
  return {.dtype = dtype,
          .max_tokens_per_step = kSequences * kPromptLength,
          .max_sequence_length = kPromptLength + kNewTokens};
}

TEST(GenerationForecastTest, IsWithinFivePercentOfWhatGeneratingTakes) {
  for (const bool tied : {false, true})
    for (const DType dtype : {DType::f32, DType::bf16})
      expect_forecast(tiny_llama_config(tied), options_of(dtype));
}

TEST(GenerationForecastTest, IsWithinFivePercentForInt8WeightsAndCache) {
  for (const bool tied : {false, true}) {
    for (const DType dtype : {DType::f32, DType::bf16}) {
      auto options = options_of(dtype);
      options.weights = WeightFormat::int8;
      options.cache_format = KeyValueFormat::int8;
      expect_forecast(tiny_llama_config(tied), options);
    }
  }
}

}  // namespace
}  // namespace troupe
