#include "actors/rlhf/engine_options.h"

#include <algorithm>

namespace troupe {

GeneratorOptions engine_options(const RunSetup& setup) {
  const auto rollout = setup.config().getRollout();
  GeneratorOptions options;
  options.dtype = setup.dtype();
  options.tensor_slices = setup.config().getNumerics().getTensorSlices();
  options.max_running_sequences = rollout.getMaxRunningSequences();
  options.max_tokens_per_step = rollout.getMaxNumBatchedTokens();
  options.num_cache_blocks = rollout.getKvBlocks();
  if (rollout.getQuantization() == RunConfig::Quantization::INT8)
    options.weights = WeightFormat::int8;
  if (rollout.getKvCacheDtype() == RunConfig::KvCacheDtype::INT8)
    options.cache_format = KeyValueFormat::int8;
  options.max_sequence_length =
      std::min<int64_t>(setup.llama().max_position_embeddings,
                        setup.config().getTask().getMaxPromptLength() + rollout.getMaxNewTokens());
  return options;
}

}  // namespace troupe
