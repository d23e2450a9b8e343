#include "kernels/elementwise/rope_frequencies.h"

#include <numbers>

#include "base/error.h"
#include "kernels/table_math.h"

namespace troupe {
namespace {

template <class Scale>
std::vector<float> frequencies(int64_t head_dim, double rope_theta, Scale&& scale) {
  CHECK(head_dim > 0 && head_dim % 2 == 0, head_dim);
  CHECK(rope_theta > 0, rope_theta);
  std::vector<float> result;
  for (int64_t i = 0; i < head_dim; i += 2)
    result.push_back(static_cast<float>(
        scale(power(rope_theta, -static_cast<double>(i) / static_cast<double>(head_dim)))));
  return result;
}

}  // namespace

std::vector<float> default_rope_frequencies(int64_t head_dim, double rope_theta) {
  return frequencies(head_dim, rope_theta, [](double frequency) { return frequency; });
}

std::vector<float> linear_rope_frequencies(int64_t head_dim, double rope_theta, double factor) {
  CHECK(factor > 0, factor);
  return frequencies(head_dim, rope_theta, [&](double frequency) { return frequency / factor; });
}

std::vector<float> llama3_rope_frequencies(int64_t head_dim, double rope_theta,
                                           const Llama3RopeScaling& scaling) {
  const double factor = scaling.factor, low = scaling.low_freq_factor,
               high = scaling.high_freq_factor;
  const auto context = scaling.original_max_position_embeddings;
  CHECK(factor > 0 && low > 0 && high > low && context > 0, factor, low, high, context);
  return frequencies(head_dim, rope_theta, [&](double frequency) {
    const double turns = context * frequency / (2 * std::numbers::pi);  // context / wavelength
    if (turns < low) return frequency / factor;
    if (turns > high) return frequency;
    const double smooth = (turns - low) / (high - low);
    return (1 - smooth) * frequency / factor + smooth * frequency;
  });
}

}  // namespace troupe
