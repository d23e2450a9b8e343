#include "graph/generation/generation_forecast.h"

#include <algorithm>

namespace troupe {
namespace {

int64_t cache_bytes(const LlamaConfig& config, const GeneratorOptions& options, int64_t running) {
  const int64_t length = options.max_sequence_length > 0 ? options.max_sequence_length
                                                         : config.max_position_embeddings;
  const int64_t cached = std::max<int64_t>(1, length - 1);  // the last token is not read
  const int64_t wanted = running * ((cached + kKeyBlock - 1) / kKeyBlock);
  const int64_t blocks =
      options.num_cache_blocks > 0 ? std::min<int64_t>(options.num_cache_blocks, wanted) : wanted;
  const KeyValueCache none(config.num_hidden_layers, config.num_key_value_heads, config.head_dim,
                           options.dtype, 0, options.cache_format);
  return blocks * static_cast<int64_t>(none.bytes_per_block());
}

}  // namespace

MemoryForecast forecast_generation(const LlamaConfig& config, const GeneratorOptions& options,
                                   int64_t num_sequences) {
  const Graph model =
      llama(config,
            {.dtype = options.dtype, .head = Head::logits, .tensor_slices = options.tensor_slices});
  const auto parts = generator_graphs(config, options);
  const int64_t running = std::min(num_sequences, options.max_running_sequences);
  auto forecast = forecast_memory(parts[0], {.num_tokens = options.max_tokens_per_step});
  const auto head = forecast_memory(parts[1], {.num_tokens = std::min(running, kMostLogitRows)});
  forecast.of(MemoryClass::activations) += head.bytes[static_cast<int>(MemoryClass::activations)];
  auto whole = forecast_memory(model, {.num_tokens = 1, .weights = options.weights});
  for (const auto memory : {MemoryClass::weights, MemoryClass::packed_weights})
    forecast.of(memory) = whole.of(memory);
  forecast.of(MemoryClass::scratch) = 0;  // logits are activations
  forecast.of(MemoryClass::kv_cache) = cache_bytes(config, options, running);
  return forecast;
}

}  // namespace troupe
