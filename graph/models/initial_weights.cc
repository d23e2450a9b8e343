#include "graph/models/initial_weights.h"

#include <algorithm>
#include <cmath>

#include "base/hash.h"
#include "base/philox.h"

namespace troupe {
namespace {

bool ends_with(const std::string& name, const char* ending) {
  return name.ends_with(ending);
}

// The standard deviation, or 0 for a constant weight.
double deviation(const LlamaConfig& config, const std::string& name) {
  if (ends_with(name, "norm.weight") || ends_with(name, ".bias") || name == "score.weight")
    return 0;
  if (ends_with(name, "embed_tokens.weight")) return 0.02;
  const double branches = std::sqrt(2.0 * config.num_hidden_layers);
  if (ends_with(name, "o_proj.weight"))
    return 1 / std::sqrt(double(config.num_attention_heads) * config.head_dim) / branches;
  if (ends_with(name, "down_proj.weight"))
    return 1 / std::sqrt(double(config.intermediate_size)) / branches;
  return 1 / std::sqrt(double(config.hidden_size));
}

}  // namespace

WeightReader initial_weights(const LlamaConfig& config, uint64_t seed) {
  return [config, seed](const std::string& name, std::span<float> values) {
    const double scale = deviation(config, name);
    if (scale == 0) {
      std::fill(values.begin(), values.end(), ends_with(name, "norm.weight") ? 1.0f : 0.0f);
      return;
    }
    RandomAddress address = {seed, Purpose::kInitialWeights,
                             xxh3(std::as_bytes(std::span(name.data(), name.size())))};
    for (size_t i = 0; i < values.size(); ++i) {
      address.sample_index = static_cast<uint32_t>(i >> 32);
      address.position = static_cast<uint32_t>(i);
      values[i] = static_cast<float>(scale * normal(address));
    }
  };
}

}  // namespace troupe
