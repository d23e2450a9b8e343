#include "graph/models/initial_weights.h"

#include <gtest/gtest.h>

#include <cmath>

#include "tests/graph/tiny_llama.h"

namespace troupe {
namespace {

std::vector<float> weight(const std::string& name, size_t size, uint64_t seed = 1) {
  std::vector<float> values(size, 99.0f);
  initial_weights(tiny_llama_config(), seed)(name, values);
  return values;
}

double deviation(const std::vector<float>& values) {
  double squares = 0;
  for (float value : values) squares += double(value) * value;
  return std::sqrt(squares / static_cast<double>(values.size()));
}

TEST(InitialWeightsTest, NormsAreOneBiasesAndValueHeadsZero) {
  EXPECT_EQ(weight("model.norm.weight", 3), (std::vector<float>{1, 1, 1}));
  EXPECT_EQ(weight("model.layers.0.input_layernorm.weight", 2), (std::vector<float>{1, 1}));
  EXPECT_EQ(weight("model.layers.0.self_attn.q_proj.bias", 2), (std::vector<float>{0, 0}));
  EXPECT_EQ(weight("score.weight", 2), (std::vector<float>{0, 0}));
}

TEST(InitialWeightsTest, DeviationsAreThoseOfTheHeader) {
  const size_t many = 20000;
  const double layers = std::sqrt(2.0 * 3);
  EXPECT_NEAR(deviation(weight("model.embed_tokens.weight", many)) / 0.02, 1, 0.03);
  EXPECT_NEAR(deviation(weight("model.layers.0.self_attn.q_proj.weight", many)) * std::sqrt(32.0),
              1, 0.03);
  EXPECT_NEAR(
      deviation(weight("model.layers.0.self_attn.o_proj.weight", many)) * std::sqrt(32.0) * layers,
      1, 0.03);
  EXPECT_NEAR(
      deviation(weight("model.layers.0.mlp.down_proj.weight", many)) * std::sqrt(48.0) * layers, 1,
      0.03);
}

TEST(InitialWeightsTest, SeedNameAndElementAreTheAddress) {
  const auto values = weight("lm_head.weight", 10);
  EXPECT_EQ(weight("lm_head.weight", 10), values);
  EXPECT_NE(weight("lm_head.weight", 10, 2), values);
  EXPECT_NE(weight("model.layers.0.self_attn.q_proj.weight", 10), values);
  const auto more = weight("lm_head.weight", 20);  // a shard of it has the same elements
  EXPECT_EQ(std::vector<float>(more.begin(), more.begin() + 10), values);
}

}  // namespace
}  // namespace troupe
