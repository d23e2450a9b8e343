#include "graph/models/llama_config.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "base/error.h"

namespace troupe {
namespace {

using nlohmann::json;
using testing::HasSubstr;

json valid() {
  return {{"model_type", "llama"},    {"hidden_size", 64},          {"intermediate_size", 128},
          {"vocab_size", 100},        {"num_hidden_layers", 2},     {"num_attention_heads", 4},
          {"num_key_value_heads", 2}, {"rms_norm_eps", 1e-5},       {"rope_theta", 10000.0},
          {"hidden_act", "silu"},     {"tie_word_embeddings", true}};
}

// What the valid config with one field set to `value` is refused for.
std::string refusal(const std::string& field, const json& value) {
  auto config = valid();
  config[field] = value;
  try {
    llama_config(config);
  } catch (const Error& e) {
    return e.what();
  }
  return "nothing was refused";
}

TEST(LlamaConfigTest, ReadsHfsFields) {
  auto json_config = valid();
  json_config["attention_bias"] = true;
  json_config["max_position_embeddings"] = 77;
  const auto config = llama_config(json_config);
  EXPECT_EQ(config.hidden_size, 64);
  EXPECT_EQ(config.intermediate_size, 128);
  EXPECT_EQ(config.vocab_size, 100);
  EXPECT_EQ(config.num_hidden_layers, 2);
  EXPECT_EQ(config.num_attention_heads, 4);
  EXPECT_EQ(config.num_key_value_heads, 2);
  EXPECT_EQ(config.head_dim, 16);
  EXPECT_EQ(config.max_position_embeddings, 77);
  EXPECT_EQ(config.rms_norm_eps, 1e-5f);
  EXPECT_TRUE(config.tie_word_embeddings);
  EXPECT_TRUE(config.attention_bias);
  EXPECT_FALSE(config.mlp_bias);
  EXPECT_EQ(config.inverse_frequencies->size(), 8u);
}

TEST(LlamaConfigTest, WhatAConfigLeavesOutHasHfsDefault) {
  auto json_config = valid();
  for (const char* field : {"num_key_value_heads", "rms_norm_eps", "rope_theta",
                            "tie_word_embeddings", "model_type", "hidden_act"})
    json_config.erase(field);
  json_config["head_dim"] = nullptr;
  const auto config = llama_config(json_config);
  EXPECT_EQ(config.num_key_value_heads, 4);
  EXPECT_EQ(config.head_dim, 16);
  EXPECT_EQ(config.rms_norm_eps, 1e-6f);
  EXPECT_FALSE(config.tie_word_embeddings);
  EXPECT_EQ(*config.inverse_frequencies, *llama_config(valid()).inverse_frequencies);
}

TEST(LlamaConfigTest, RopeIsReadFromTheKeysOfBothTransformers) {
  auto old_keys = valid(), new_keys = valid();
  old_keys["rope_theta"] = 500000.0;
  old_keys["rope_scaling"] = {{"type", "linear"}, {"factor", 2.0}};
  new_keys.erase("rope_theta");
  new_keys["rope_parameters"] = {
      {"rope_type", "linear"}, {"factor", 2.0}, {"rope_theta", 500000.0}};
  const auto old_frequencies = *llama_config(old_keys).inverse_frequencies;
  EXPECT_EQ(old_frequencies, *llama_config(new_keys).inverse_frequencies);
  EXPECT_EQ(old_frequencies[0], 0.5f);
  EXPECT_EQ((*llama_config(valid()).inverse_frequencies)[0], 1.0f);
}

TEST(LlamaConfigTest, AMissingFieldIsNamed) {
  for (const char* field : {"hidden_size", "intermediate_size", "vocab_size", "num_hidden_layers",
                            "num_attention_heads"}) {
    auto config = valid();
    config.erase(field);
    try {
      llama_config(config);
      ADD_FAILURE() << field;
    } catch (const Error& e) {
      EXPECT_THAT(e.what(), HasSubstr(field));
    }
  }
}

TEST(LlamaConfigTest, AnImpossibleFieldIsNamed) {
  EXPECT_THAT(refusal("hidden_size", "wide"), HasSubstr("\"hidden_size\" is \"wide\""));
  EXPECT_THAT(refusal("hidden_size", 0), HasSubstr("hidden_size"));
  EXPECT_THAT(refusal("vocab_size", -5), HasSubstr("vocab_size"));
  EXPECT_THAT(refusal("num_hidden_layers", 0), HasSubstr("num_hidden_layers"));
  EXPECT_THAT(refusal("num_attention_heads", 0), HasSubstr("num_attention_heads"));
  EXPECT_THAT(refusal("num_key_value_heads", 3), HasSubstr("num_key_value_heads"));
  EXPECT_THAT(refusal("head_dim", 7), HasSubstr("head_dim"));
  EXPECT_THAT(refusal("rope_theta", 0), HasSubstr("theta"));
}

TEST(LlamaConfigTest, WhatIsNotSupportedIsNamedWithWhatIs) {
  EXPECT_THAT(refusal("model_type", "gpt2"), HasSubstr("\"gpt2\" is not supported; known: llama"));
  EXPECT_THAT(refusal("hidden_act", "gelu"), HasSubstr("\"gelu\" is not supported; known: silu"));
  EXPECT_THAT(refusal("rope_scaling", {{"rope_type", "yarn"}, {"factor", 2}}), HasSubstr("yarn"));
  EXPECT_THAT(refusal("rope_scaling", {{"rope_type", "linear"}}), HasSubstr("\"factor\""));
}

}  // namespace
}  // namespace troupe
