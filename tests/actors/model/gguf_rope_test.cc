#include "actors/model/gguf_rope.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <numbers>

#include "tests/storage/gguf/gguf_builder.h"
#include "tests/temporary_folder.h"

namespace troupe {
namespace {

using ::testing::HasSubstr;

struct Model {
  double rope_theta;
  int head_dim;
  double factor;
  double original;
};

// The published rule, by wavelengths.
std::vector<float> divisors(const Model& model) {
  std::vector<float> values;
  for (int i = 0; i < model.head_dim; i += 2) {
    const double length =
        2 * std::numbers::pi * std::pow(model.rope_theta, double(i) / model.head_dim);
    const double smooth = (model.original / length - 1) / 3;
    const double between = 1 / ((1 - smooth) / model.factor + smooth);
    values.push_back(static_cast<float>(length < model.original / 4 ? 1
                                        : length > model.original   ? model.factor
                                                                    : between));
  }
  return values;
}

nlohmann::json scaling_of(const std::vector<float>& values, double rope_theta) {
  const TemporaryFolder folder;
  GgufBuilder builder;
  rewrite(folder / "m.gguf",
          builder.tensor("rope_freqs.weight", {values.size()}, 0, floats(values)).build());
  const GgufFile file(folder / "m.gguf");
  return gguf_rope_scaling(file, file.find("rope_freqs.weight"), rope_theta);
}

TEST(GgufRopeTest, FindsLlama3sScalingInItsDivisors) {
  for (const Model& model :
       {Model{500000, 128, 8, 8192}, Model{500000, 64, 32, 8192}, Model{10000, 16, 8, 32}}) {
    const nlohmann::json expected = {
        {"rope_type", "llama3"},
        {"factor", model.factor},
        {"low_freq_factor", 1.0},
        {"high_freq_factor", 4.0},
        {"original_max_position_embeddings", static_cast<int64_t>(model.original)}};
    EXPECT_EQ(scaling_of(divisors(model), model.rope_theta), expected);
  }
}

TEST(GgufRopeTest, RefusesDivisorsOfAnotherRule) {
  auto values = divisors({500000, 128, 8, 8192});
  values[30] *= 1.01f;
  EXPECT_THAT(error_of([&] { scaling_of(values, 500000); }),
              HasSubstr("rope_freqs.weight: not the divisors"));
}

}  // namespace
}  // namespace troupe
