#include "actors/model/gguf_rope.h"

#include <algorithm>
#include <cmath>
#include <numbers>
#include <vector>

#include "base/error.h"
#include "kernels/quantize/dequantize.h"

namespace troupe {
namespace {

using nlohmann::json;

struct Llama3Scaling {
  double factor = 1;
  double original_max_position_embeddings = 8192;
  // Every released model has these two.
  static constexpr double kLowFrequencyFactor = 1;
  static constexpr double kHighFrequencyFactor = 4;

  // By how much a frequency is divided: 1 for short waves, `factor` for long ones, between the two
  // interpolated (Llama 3.1).
  double divisor(double frequency) const {
    const double waves = original_max_position_embeddings * frequency / (2 * std::numbers::pi);
    if (waves > kHighFrequencyFactor) return 1;
    if (waves < kLowFrequencyFactor) return factor;
    const double smooth =
        (waves - kLowFrequencyFactor) / (kHighFrequencyFactor - kLowFrequencyFactor);
    return 1 / ((1 - smooth) / factor + smooth);
  }
};

double worst_difference(const Llama3Scaling& scaling, const std::vector<float>& divisors,
                        double rope_theta) {
  double worst = 0;
  const auto count = static_cast<double>(divisors.size());
  for (size_t i = 0; i < divisors.size(); ++i) {
    const double frequency = std::pow(rope_theta, -static_cast<double>(i) / count);
    worst = std::max(worst, std::abs(scaling.divisor(frequency) / divisors[i] - 1));
  }
  return worst;
}

json find_llama3(const GgufFile& file, const GgufTensor& tensor, double rope_theta) {
  std::vector<float> divisors(static_cast<size_t>(num_elements(tensor.shape)));
  dequantize(tensor.type, tensor.bytes, divisors);
  const double factor = *std::max_element(divisors.begin(), divisors.end());
  for (int power = 5; power <= 20; ++power)
    if (const Llama3Scaling scaling{factor, std::exp2(power)};
        worst_difference(scaling, divisors, rope_theta) < 1e-4)
      return {{"rope_type", "llama3"},
              {"factor", factor},
              {"low_freq_factor", Llama3Scaling::kLowFrequencyFactor},
              {"high_freq_factor", Llama3Scaling::kHighFrequencyFactor},
              {"original_max_position_embeddings", int64_t{1} << power}};
  throw Error(file.path() + ": tensor " + tensor.name +
              ": not the divisors of a llama3 rope_scaling");
}

}  // namespace

json gguf_rope_scaling(const GgufFile& file, const GgufTensor* factors, double rope_theta) {
  const std::string key = "llama.rope.scaling.";
  const double old_factor = file.get<double>("llama.rope.scale_linear", 1.0);
  const auto type = file.get<std::string>(key + "type", old_factor == 1.0 ? "none" : "linear");
  if (factors && type == "none") return find_llama3(file, *factors, rope_theta);
  if (type == "none") return nullptr;
  json scaling = {{"rope_type", type}, {"factor", file.get<double>(key + "factor", old_factor)}};
  if (type == "yarn")
    scaling["original_max_position_embeddings"] =
        file.get<int64_t>(key + "original_context_length");
  else if (type != "linear" || factors)
    throw Error(file.path() + ": metadata \"" + key + "type\" is \"" + type +
                "\": expected none, linear or yarn, and no rope_freqs.weight beside it");
  return scaling;
}

}  // namespace troupe
